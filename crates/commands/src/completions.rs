//! `naru completions`: what a shell needs to complete command lines, out of the table of commands.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command};
use clap_complete::{Shell, generate};

use crate::arguments::{root, text};
use crate::failure::Failure;
use crate::session::Session;

const SHELLS: [(&str, Shell); 4] =
    [("bash", Shell::Bash), ("zsh", Shell::Zsh), ("fish", Shell::Fish), ("powershell", Shell::PowerShell)];

/// Gives the command its words.
pub(crate) fn define(command: Command) -> Command {
    let shells = PossibleValuesParser::new(SHELLS.map(|(name, _)| name));
    command
        .arg(Arg::new("shell").value_name("SHELL").required(true).value_parser(shells).help("The shell"))
        .after_help("bash: naru completions bash > ~/.local/share/bash-completion/completions/naru\nzsh:  naru completions zsh > \"${fpath[1]}/_naru\"\nfish: naru completions fish > ~/.config/fish/completions/naru.fish")
}

/// Runs it.
pub(crate) fn run(matches: &ArgMatches, session: &mut Session<'_>) -> Result<u8, Failure> {
    let name = text(matches, "shell").unwrap_or_default();
    let Some((_, shell)) = SHELLS.iter().find(|(known, _)| *known == name) else {
        return Err(Failure::not_run(format!("there are no completions for '{name}'")));
    };
    // Written at once: the generator does not expect a reader that goes away.
    let mut script = Vec::new();
    generate(*shell, &mut whole(), "naru", &mut script);
    session.out.write_all(&script)?;
    Ok(0)
}

/// The commands, and everything else that may stand behind `naru`.
fn whole() -> Command {
    let server = [
        ("server", "start a server"),
        ("install-tools", "put all tools into a folder under their own names"),
        ("manual", "show what the tools take"),
        ("help", "list commands and tools"),
        ("version", "show the version"),
    ];
    let others = server.into_iter().chain(cli::names::tools());
    root().subcommands(others.map(|(name, about)| Command::new(name).about(about).disable_help_flag(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_completes_every_command() {
        for (name, shell) in SHELLS {
            let mut script = Vec::new();
            generate(shell, &mut whole(), "naru", &mut script);
            let script = String::from_utf8(script).unwrap();
            for verb in crate::verbs::VERBS {
                assert!(script.contains(verb.name), "{name} lacks {}", verb.name);
            }
            for fragment in ["bootstrap-server", "kafka-topics", "install-tools"] {
                assert!(script.contains(fragment), "{name} lacks {fragment}");
            }
        }
    }
}
