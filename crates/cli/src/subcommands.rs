//! Command lines of those tools of Kafka that have subcommands, and of those that share their parser, read as the originals read
//! them.
//!
//! Their parser (argparse4j) takes `--name value`, `--name=value`, `-n value` and the beginning of a name where it is no other's,
//! and complains behind a line of usage. Each tool has one table, from which its help follows.

mod usage;

use std::str::FromStr;

use crate::Output;
use crate::failure::Failure;

/// A tool and its subcommands.
#[derive(Debug)]
pub(crate) struct Program {
    /// As it calls itself.
    pub(crate) name: &'static str,
    /// What it is for.
    pub(crate) about: &'static str,
    /// Options that stand before the subcommand.
    pub(crate) options: &'static [Argument],
    /// None where the tool is one command by itself.
    pub(crate) commands: &'static [Command],
}

/// A subcommand.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) options: &'static [Argument],
}

/// An option.
#[derive(Debug)]
pub(crate) struct Argument {
    pub(crate) long: &'static str,
    pub(crate) short: Option<&'static str>,
    /// What usage calls its value; `None` where it takes none.
    pub(crate) value: Option<&'static str>,
    /// True where several values may follow.
    pub(crate) takes_many: bool,
    pub(crate) need: Need,
    pub(crate) help: &'static str,
}

/// Whether an option has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Optional,
    Required,
    /// Just one of all that have this need has to be there.
    OneOf,
    /// Has to be there, and stands behind the others where they are told of.
    RequiredLast,
}

/// What a command line said.
#[derive(Debug)]
pub(crate) struct Said {
    /// The subcommand, empty where the tool has none.
    pub(crate) command: &'static str,
    options: Vec<(&'static Argument, Option<String>)>,
    /// What precedes a complaint.
    usage: String,
    program: &'static str,
}

/// Why nothing is done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unsaid {
    /// The text was asked for.
    Help(String),
    /// Something is wrong.
    Complaint(Complaint),
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// What precedes it.
    usage: String,
    program: &'static str,
    pub(crate) sentence: String,
}

impl Argument {
    /// An option with a value.
    pub(crate) const fn value(long: &'static str, value: &'static str, help: &'static str) -> Argument {
        Argument { long, short: None, value: Some(value), takes_many: false, need: Need::Optional, help }
    }

    /// An option with one or more values.
    pub(crate) const fn values(long: &'static str, value: &'static str, help: &'static str) -> Argument {
        Argument { takes_many: true, ..Argument::value(long, value, help) }
    }

    /// An option without one.
    pub(crate) const fn flag(long: &'static str, help: &'static str) -> Argument {
        Argument { long, short: None, value: None, takes_many: false, need: Need::Optional, help }
    }

    /// The same with a letter in place of the name.
    pub(crate) const fn short(self, short: &'static str) -> Argument {
        Argument { short: Some(short), ..self }
    }

    /// The same, which has to be there.
    pub(crate) const fn required(self) -> Argument {
        Argument { need: Need::Required, ..self }
    }

    /// The same, which stands behind the others.
    pub(crate) const fn required_last(self) -> Argument {
        Argument { need: Need::RequiredLast, ..self }
    }

    /// The same, one of several of which just one has to be there.
    pub(crate) const fn one_of(self) -> Argument {
        Argument { need: Need::OneOf, ..self }
    }

    /// As complaints name it.
    fn shown(&self) -> String {
        match self.short {
            Some(short) => format!("--{}/-{short}", self.long),
            None => format!("--{}", self.long),
        }
    }
}

impl Unsaid {
    /// Tells it and gives the exit code.
    pub(crate) fn tell(&self, output: &mut Output<'_>) -> u8 {
        match self {
            Unsaid::Help(text) => crate::written(output.out.write_all(text.as_bytes()), output),
            Unsaid::Complaint(Complaint { usage, program, sentence }) => {
                output.fail(format!("{usage}{program}: error: {sentence}"))
            }
        }
    }
}

impl Program {
    /// Reads a command line; one without a word is answered with the help.
    pub(crate) fn read_or_help(&'static self, arguments: &[String]) -> Result<Said, Unsaid> {
        if arguments.is_empty() {
            return Err(Unsaid::Help(Level { program: self, command: None }.help()));
        }
        self.read(arguments)
    }

    /// Reads a command line.
    pub(crate) fn read(&'static self, arguments: &[String]) -> Result<Said, Unsaid> {
        let mut words = arguments.iter();
        let mut options = Vec::new();
        let own = Level { program: self, command: None };
        let name = own.options_of(&mut words, &mut options)?;
        if self.commands.is_empty() {
            if let Some(word) = name {
                return Err(own.complaint(&format!("unrecognized arguments: '{word}'")));
            }
            own.check(self.options, &options)?;
            return Ok(Said { command: "", options, usage: own.usage(), program: self.name });
        }
        let Some(name) = name else { return Err(own.complaint("too few arguments")) };
        let mut fitting = self.commands.iter().filter(|command| command.name.starts_with(name.as_str()));
        let exact = self.commands.iter().find(|command| command.name == name);
        let only = fitting.next().filter(|_| fitting.next().is_none());
        let Some(command) = exact.or(only) else {
            let choices: Vec<String> =
                self.commands.iter().map(|command| format!("'{}'", command.name)).collect();
            let choices = choices.join(", ");
            return Err(own.complaint(&format!("invalid choice: '{name}' (choose from {choices})")));
        };
        let inner = Level { program: self, command: Some(command) };
        if let Some(word) = inner.options_of(&mut words, &mut options)? {
            return Err(inner.complaint(&format!("unrecognized arguments: '{word}'")));
        }
        inner.check(command.options, &options)?;
        own.check(self.options, &options)?;
        Ok(Said { command: command.name, options, usage: inner.usage(), program: self.name })
    }
}

/// The tool itself, or one of its subcommands.
#[derive(Clone, Copy)]
struct Level {
    program: &'static Program,
    command: Option<&'static Command>,
}

impl Level {
    fn known(self) -> &'static [Argument] {
        self.command.map_or(self.program.options, |command| command.options)
    }

    /// Reads options up to the first word that belongs to none.
    fn options_of(
        self,
        words: &mut std::slice::Iter<'_, String>,
        options: &mut Vec<(&'static Argument, Option<String>)>,
    ) -> Result<Option<String>, Unsaid> {
        while let Some(word) = words.next() {
            if word == "-h" || word == "--help" {
                return Err(Unsaid::Help(self.help()));
            }
            let Some((argument, inline)) = self.find(word)? else { return Ok(Some(word.clone())) };
            let value = match argument.value {
                None => None,
                Some(_) => {
                    // As the original has it, what begins with a dash is no value, but for numbers.
                    let is_value = |word: &&String| !word.starts_with('-') || word.parse::<f64>().is_ok();
                    let value = inline.or_else(|| words.next().filter(is_value).cloned());
                    let count = if argument.takes_many { "1 argument(s)" } else { "one argument" };
                    let missing =
                        || self.complaint(&format!("argument {}: expected {count}", argument.shown()));
                    Some(value.ok_or_else(missing)?)
                }
            };
            options.push((argument, value));
            while argument.takes_many
                && let Some(more) = words.as_slice().first().filter(|word| !word.starts_with('-'))
            {
                words.next();
                options.push((argument, Some(more.clone())));
            }
        }
        Ok(None)
    }

    /// The option that a word means, with the value behind `=`; `None` where it is not one.
    fn find(self, word: &str) -> Result<Option<(&'static Argument, Option<String>)>, Unsaid> {
        if !word.starts_with('-') || word.len() < 2 {
            return Ok(None);
        }
        let unknown = || self.complaint(&format!("unrecognized arguments: '{word}'"));
        let Some(text) = word.strip_prefix("--") else {
            let text = &word[1..];
            let of_letter =
                |argument: &&Argument| argument.short.is_some_and(|short| text.starts_with(short));
            let argument = self.known().iter().find(of_letter).ok_or_else(unknown)?;
            let rest = &text[argument.short.map_or(0, str::len)..];
            return Ok(Some((argument, Some(rest.to_owned()).filter(|rest| !rest.is_empty()))));
        };
        let (name, inline) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        if let Some(argument) = self.known().iter().find(|argument| argument.long == name) {
            return Ok(Some((argument, inline)));
        }
        let mut fitting: Vec<&'static Argument> =
            self.known().iter().filter(|argument| argument.long.starts_with(name)).collect();
        match fitting[..] {
            [argument] => Ok(Some((argument, inline))),
            [] => Err(unknown()),
            _ => {
                fitting.sort_by_key(|argument| argument.long);
                let names: Vec<String> =
                    fitting.iter().map(|argument| format!("--{}", argument.long)).collect();
                Err(self.complaint(&format!("ambiguous option: --{name} could match {}", names.join(", "))))
            }
        }
    }

    fn check(
        self,
        known: &'static [Argument],
        given: &[(&'static Argument, Option<String>)],
    ) -> Result<(), Unsaid> {
        let has = |argument: &Argument| given.iter().any(|(there, _)| there.long == argument.long);
        // The original looks at the last one first.
        let missing = |need| known.iter().rev().find(move |argument| argument.need == need && !has(argument));
        if let Some(argument) = missing(Need::Required).or_else(|| missing(Need::RequiredLast)) {
            return Err(self.complaint(&format!("argument {} is required", argument.shown())));
        }
        let group: Vec<&Argument> = known.iter().filter(|argument| argument.need == Need::OneOf).collect();
        let mut there = given.iter().filter(|(argument, _)| {
            argument.need == Need::OneOf && known.iter().any(|known| known.long == argument.long)
        });
        match (there.next(), there.next()) {
            (Some((first, _)), Some((second, _))) if first.long != second.long => {
                let (first, second) = (first.shown(), second.shown());
                Err(self.complaint(&format!("argument {second}: not allowed with argument {first}")))
            }
            (None, _) if !group.is_empty() => {
                let names: Vec<String> = group.iter().map(|argument| argument.shown()).collect();
                Err(self.complaint(&format!("one of the arguments {} is required", names.join(" "))))
            }
            _ => Ok(()),
        }
    }

    fn complaint(self, sentence: &str) -> Unsaid {
        let (usage, program) = (self.usage(), self.program.name);
        Unsaid::Complaint(Complaint { usage, program, sentence: sentence.to_owned() })
    }
}

impl Said {
    /// True where the option was given.
    pub(crate) fn has(&self, long: &str) -> bool {
        self.options.iter().any(|(option, _)| option.long == long)
    }

    /// The last value of an option.
    pub(crate) fn value(&self, long: &str) -> Option<&str> {
        let of_it = self.options.iter().rev().find(|(option, _)| option.long == long);
        of_it.and_then(|(_, value)| value.as_deref())
    }

    /// All values of an option.
    pub(crate) fn values<'s>(&'s self, long: &'s str) -> impl Iterator<Item = &'s str> {
        let of_it = self.options.iter().filter(move |(option, _)| option.long == long);
        of_it.filter_map(|(_, value)| value.as_deref())
    }

    /// The value of an option as a number, by the name of its type in Java.
    pub(crate) fn number<N: FromStr>(&self, long: &str, java_type: &str) -> Result<Option<N>, Unsaid> {
        let found = self.options.iter().rev().find(|(option, _)| option.long == long);
        let Some((option, Some(text))) = found else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            let shown = option.shown();
            let why = Failure::not_a_number(text);
            let why = why.message();
            let sentence = format!("argument {shown}: could not convert '{text}' to {java_type} ({why})");
            Unsaid::Complaint(Complaint { usage: self.usage.clone(), program: self.program, sentence })
        })
    }

    /// What is wrong with it beyond what the parser can see.
    pub(crate) fn complaint(&self, sentence: &str) -> Unsaid {
        let (usage, program) = (self.usage.clone(), self.program);
        Unsaid::Complaint(Complaint { usage, program, sentence: sentence.to_owned() })
    }

    /// A file that the line names and that cannot be read.
    pub(crate) fn unreadable(&self, failure: &Failure) -> Unsaid {
        let hint = failure.hint().map(|hint| format!("\nnaru: {hint}"));
        self.complaint(&format!("{}{}", failure.message(), hint.unwrap_or_default()))
    }

    /// The servers to connect to.
    pub(crate) fn connect(&self, config: Option<&str>) -> Result<client::Admin, Failure> {
        if self.has("bootstrap-controller") {
            let sentence = "--bootstrap-controller is not there yet; any broker answers the same with --bootstrap-server";
            return Err(Failure::argument(sentence));
        }
        crate::admin_tool::connect_to(config, self.value("bootstrap-server"))
    }
}

#[cfg(test)]
mod tests;
