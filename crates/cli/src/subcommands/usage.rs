//! Lines of usage and help of a tool or a subcommand.

use super::{Argument, Level, Need};

/// Columns of a line of usage.
const WIDTH: usize = 75;

impl Argument {
    /// With what usage calls its value.
    fn in_usage(&self) -> String {
        match self.value {
            Some(value) if self.takes_many => format!("--{} {value} [{value} ...]", self.long),
            Some(value) => format!("--{} {value}", self.long),
            None => format!("--{}", self.long),
        }
    }
}

impl Level {
    /// The line of usage, broken as the original breaks it.
    pub(super) fn usage(self) -> String {
        let head = format!("usage: {}", self.program.name);
        let mut parts: Vec<String> = Vec::new();
        match self.command {
            Some(command) => {
                let needed = self.program.options.iter().filter(|option| option.need != Need::Optional);
                parts.extend(in_usage(needed));
                parts.extend([command.name.to_owned(), "[-h]".to_owned()]);
                parts.extend(in_usage(command.options.iter()));
            }
            None => {
                parts.push("[-h]".to_owned());
                parts.extend(in_usage(self.program.options.iter()));
                let names: Vec<&str> = self.program.commands.iter().map(|command| command.name).collect();
                if !names.is_empty() {
                    parts.extend([format!("{{{}}}", names.join(",")), "...".to_owned()]);
                }
            }
        }
        let indent = " ".repeat(head.len());
        let (mut usage, mut column) = (head.clone(), head.len());
        for part in parts {
            if column + 1 + part.len() > WIDTH && column > indent.len() {
                usage.push('\n');
                usage.push_str(&indent);
                column = indent.len();
            }
            usage.push(' ');
            usage.push_str(&part);
            column += 1 + part.len();
        }
        usage.push('\n');
        usage
    }

    /// The text that is asked for.
    pub(super) fn help(self) -> String {
        let about = self.command.map_or(self.program.about, |command| command.about);
        let mut help = format!("{}\n{about}\n", self.usage());
        if self.command.is_none() && !self.program.commands.is_empty() {
            help.push_str("\ncommands:\n");
            for command in self.program.commands {
                help.push_str(&format!("  {:<22} {}\n", command.name, command.about));
            }
        }
        help.push_str("\noptions:\n  -h, --help             this text\n");
        for argument in self.known() {
            help.push_str(&format!("  {:<22} {}\n", argument.in_usage(), argument.help));
        }
        help
    }
}

fn in_usage<'a>(options: impl Iterator<Item = &'a Argument>) -> Vec<String> {
    let (mut parts, mut group, mut last) = (Vec::new(), Vec::new(), Vec::new());
    for option in options {
        match option.need {
            Need::Optional => parts.push(format!("[{}]", option.in_usage())),
            Need::Required => parts.push(option.in_usage()),
            Need::OneOf => group.push(option.in_usage()),
            Need::RequiredLast => last.push(option.in_usage()),
        }
    }
    match &group[..] {
        [] => {}
        [only] => parts.push(only.clone()),
        _ => parts.push(format!("({})", group.join(" | "))),
    }
    parts.extend(last);
    parts
}
