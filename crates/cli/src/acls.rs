//! `kafka-acls`: shows and alters access control lists.

mod names;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use client::Admin;
use client::admin::{AclBinding, AclFilter};

use crate::admin_tool::{self, refused, wrote};
use crate::failure::Failure;
use crate::options::{Given, Opt, Options, Refusal};
use crate::{FAILED, Output};
use names::{ANY, Resource, entry_shown};
use rules::{Entry, Rules};

#[rustfmt::skip]
pub(crate) const OPTIONS: Options = Options {
    about: "This tool helps to manage acls on kafka.",
    options: &[
        Opt::flag("add", "Add rules."),
        Opt::value("allow-host", "allow-host", "From where those of --allow-principal may; from anywhere without."),
        Opt::value("allow-principal", "allow-principal", "Who may, as User:name; User:* is everybody."),
        Opt::value("bootstrap-controller", "controller to connect to", "Controllers to connect to first."),
        Opt::value("bootstrap-server", "server to connect to", "Servers to connect to first, host:port, separated by commas."),
        Opt::flag("cluster", "Rules of the cluster itself."),
        Opt::optional("command-config", "command-config", "A file of settings for the admin client."),
        Opt::flag("consumer", "What a consumer needs: READ and DESCRIBE of the topic, READ of the group."),
        Opt::value("delegation-token", "delegation-token", "Rules of a delegation token; * of all."),
        Opt::value("deny-host", "deny-host", "From where those of --deny-principal may not; from anywhere without."),
        Opt::value("deny-principal", "deny-principal", "Who may not, as User:name. What is denied is so whatever else is allowed."),
        Opt::flag("force", "Ask nothing."),
        Opt::value("group", "group", "Rules of a group; * of all."),
        Opt::flag("idempotent", "With --producer: and what an idempotent producer needs of the cluster."),
        Opt::flag("list", "List rules."),
        Opt::value("operation", "operation", "What may be done, as Read or AlterConfigs; may be repeated; All without."),
        Opt::optional("principal", "principal", "With --list: only rules of that principal; may be repeated."),
        Opt::flag("producer", "What a producer needs: WRITE, DESCRIBE and CREATE of the topic."),
        Opt::flag("remove", "Remove rules."),
        Opt::value("resource-pattern-type", "ANY|MATCH|LITERAL|PREFIXED", "How names of resources are to be read; literal without."),
        Opt::value("topic", "topic", "Rules of a topic; * of all."),
        Opt::value("transactional-id", "transactional-id", "Rules of a transactional id; * of all."),
        Opt::value("user-principal", "user-principal", "Rules of a user's delegation tokens."),
    ],
};

/// Why a line does not come to its end.
enum Ended {
    /// A sentence with the table of options behind it.
    Usage(String),
    Failed(Failure),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Ended {
        Ended::Failed(failure)
    }
}

/// Runs the tool and gives its exit code.
pub(crate) fn run(arguments: &[String], output: &mut Output<'_>) -> u8 {
    let given = match admin_tool::read(&OPTIONS, arguments, output) {
        Ok(given) => given,
        Err(code) => return code,
    };
    if let Err(refusal) = check(&given) {
        return admin_tool::refuse(&OPTIONS, &refusal, output);
    }
    match act(&given, output) {
        Ok(()) => 0,
        Err(Ended::Usage(sentence)) => admin_tool::refuse(&OPTIONS, &Refusal::Usage(sentence), output),
        Err(Ended::Failed(failure)) => {
            // The original prints a stack after it, which ends with a line end.
            let (failure, hint) = failure.apart();
            let message = failure.message();
            let _ = writeln!(output.out, "Error while executing ACL command: {message}\n{failure}\n");
            output.hint(hint.as_deref());
            FAILED
        }
    }
}

/// Refuses lines that say too little, too much or what does not go together.
fn check(given: &Given) -> Result<(), Refusal> {
    let usage = |sentence: &str| Err(Refusal::Usage(sentence.to_owned()));
    match (given.has("bootstrap-server"), given.has("bootstrap-controller")) {
        (true, true) => {
            return usage("Only one of --bootstrap-server or --bootstrap-controller must be specified");
        }
        (false, false) => {
            return usage("One of --bootstrap-server or --bootstrap-controller must be specified");
        }
        _ => {}
    }
    if ["add", "remove", "list"].into_iter().filter(|action| given.has(action)).count() != 1 {
        return usage("Command must include exactly one action: --list, --add, --remove. ");
    }
    let of_rules = ["producer", "consumer", "allow-host", "allow-principal", "deny-host", "deny-principal"];
    given.exclude("list", &of_rules)?;
    given.exclude("producer", &["operation", "deny-principal", "deny-host"])?;
    given.exclude("consumer", &["operation", "deny-principal", "deny-host"])?;
    if given.has("principal") && !given.has("list") {
        return usage("The --principal option is only available if --list is set");
    }
    if given.has("producer") && !given.has("topic") {
        return usage("With --producer you must specify a --topic");
    }
    if given.has("idempotent") && !given.has("producer") {
        return usage("The --idempotent option is only available if --producer is set");
    }
    let others = !given.has("producer") && (given.has("cluster") || given.has("transactional-id"));
    if given.has("consumer") && (!given.has("topic") || !given.has("group") || others) {
        return usage(
            "With --consumer you must specify a --topic and a --group and no --cluster or --transactional-id option should be specified.",
        );
    }
    Ok(())
}

fn act(given: &Given, output: &mut Output<'_>) -> Result<(), Ended> {
    if given.has("bootstrap-controller") {
        return Err(Failure::argument(admin_tool::NO_CONTROLLERS).into());
    }
    let file = given.value("command-config").map_err(refused)?;
    let admin = admin_tool::connect_to(file, given.value("bootstrap-server").map_err(refused)?)?;
    if given.has("list") {
        return list(&admin, given, output);
    }
    let pattern = names::pattern(given)?;
    if given.has("add") && !names::is_specific(pattern) {
        let shown = names::pattern_name(pattern);
        return Err(Ended::Usage(format!(
            "A '--resource-pattern-type' value of '{shown}' is not valid when adding acls."
        )));
    }
    let rules = rules::of(given, pattern)?;
    if given.has("remove") {
        return remove(&admin, given, &rules, output);
    }
    if rules.values().any(BTreeSet::is_empty) {
        let sentence =
            "You must specify one of: --allow-principal, --deny-principal when trying to add ACLs.";
        return Err(Ended::Usage(sentence.to_owned()));
    }
    add(&admin, &rules, output)
}

fn add(admin: &Admin, rules: &Rules, output: &mut Output<'_>) -> Result<(), Ended> {
    for (resource, entries) in rules {
        let there = described(admin, &resource.filter())?;
        let bindings = entries.iter().map(|entry| entry.binding(resource));
        let (known, new): (Vec<AclBinding>, Vec<AclBinding>) =
            bindings.partition(|binding| there.contains(binding));
        for binding in known {
            let entry = entry_shown(&binding);
            wrote(writeln!(output.out, "Acl (pattern={resource}, entry={entry}) already exists."))?;
        }
        if new.is_empty() {
            continue;
        }
        let entries: Vec<String> = new.iter().map(|binding| format!("\t{}", entry_shown(binding))).collect();
        let entries = entries.join("\n");
        wrote(writeln!(output.out, "Adding ACLs for resource `{resource}`: \n {entries}\n"))?;
        admin_tool::run(async { admin.create_acls(&new).await.map_err(Failure::executed) })?;
    }
    Ok(())
}

fn remove(admin: &Admin, given: &Given, rules: &Rules, output: &mut Output<'_>) -> Result<(), Ended> {
    for (resource, entries) in rules {
        let (question, filters): (String, Vec<AclFilter>) = if entries.is_empty() {
            let question =
                format!("Are you sure you want to delete all ACLs for resource filter `{resource}`? (y/n)");
            (question, vec![resource.filter()])
        } else {
            let shown: Vec<String> =
                entries.iter().map(|entry| format!("\t{}", entry_shown(&entry.binding(resource)))).collect();
            let shown = shown.join("\n");
            let question = format!(
                "Are you sure you want to remove ACLs: \n {shown}\n from resource filter `{resource}`? (y/n)"
            );
            (question, entries.iter().map(|entry| entry.filter(resource)).collect())
        };
        if given.has("force") || is_confirmed(&question, output)? {
            admin_tool::run(async { admin.delete_acls(&filters).await.map_err(Failure::executed) })?;
        }
    }
    Ok(())
}

fn is_confirmed(question: &str, output: &mut Output<'_>) -> Result<bool, Failure> {
    wrote(writeln!(output.out, "{question}"))?;
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Failure::of_class("java.io.IOException", error.to_string()))?;
    Ok(answer.trim_end().eq_ignore_ascii_case("y"))
}

fn list(admin: &Admin, given: &Given, output: &mut Output<'_>) -> Result<(), Ended> {
    let resources = rules::resources(given, names::pattern(given)?);
    let principals: BTreeSet<String> =
        given.values("principal").map(rules::principal).collect::<Result<_, _>>()?;
    let mut filters: Vec<AclFilter> = resources.iter().map(Resource::filter).collect();
    if filters.is_empty() {
        filters.push(ANY);
    }
    let mut bindings: BTreeMap<Resource, BTreeSet<Entry>> = BTreeMap::new();
    for filter in &filters {
        for binding in described(admin, filter)? {
            bindings.entry(Resource::of(&binding)).or_default().insert(Entry::of(&binding));
        }
    }
    if principals.is_empty() {
        return show(&bindings, |_| true, output);
    }
    for principal in &principals {
        wrote(writeln!(output.out, "ACLs for principal `{principal}`"))?;
        show(&bindings, |entry| entry.principal == *principal, output)?;
    }
    Ok(())
}

fn show(
    bindings: &BTreeMap<Resource, BTreeSet<Entry>>,
    is_shown: impl Fn(&Entry) -> bool,
    output: &mut Output<'_>,
) -> Result<(), Ended> {
    for (resource, entries) in bindings {
        let entries = entries.iter().filter(|entry| is_shown(entry));
        let shown: Vec<String> =
            entries.map(|entry| format!("\t{}", entry_shown(&entry.binding(resource)))).collect();
        if !shown.is_empty() {
            let entries = shown.join("\n");
            wrote(writeln!(output.out, "Current ACLs for resource `{resource}`:\n{entries}\n"))?;
        }
    }
    Ok(())
}

fn described(admin: &Admin, filter: &AclFilter) -> Result<Vec<AclBinding>, Failure> {
    admin_tool::run(async { admin.describe_acls(filter).await.map_err(Failure::executed) })
}
