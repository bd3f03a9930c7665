//! Command lines of Kafka's tools, read as the originals read them.
//!
//! Their parser (joptsimple) takes `--name value`, `--name=value` and `-name value`, no abbreviations, an option's value even
//! where it begins with a dash, and names in its complaints the option without dashes. Each tool has one table of options,
//! from which its help follows.

use std::fmt::Write as _;

/// What stands behind an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing.
    Nothing,
    /// A value, which help calls by this name.
    Value(&'static str),
    /// A value that may be left out.
    Optional(&'static str),
}

/// One option of a tool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opt {
    pub(crate) name: &'static str,
    pub(crate) takes: Takes,
    /// What help says of it.
    pub(crate) help: &'static str,
}

/// What a tool is for, and its options.
#[derive(Debug)]
pub(crate) struct Options {
    /// What the original says of itself.
    pub(crate) about: &'static str,
    pub(crate) options: &'static [Opt],
}

/// What a command line said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Given {
    options: Vec<(&'static str, Option<String>)>,
    /// Words that belong to no option.
    pub(crate) words: Vec<String>,
}

/// Why a command line is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The sentence, and the exception that the original's parser throws.
    Parser(&'static str, String),
    /// The sentence, and after it the table of options.
    Usage(String),
}

/// What the parser says behind the name of an option that is none.
pub(crate) const NOT_RECOGNIZED: &str = " is not a recognized option";
/// Names that options had before Kafka 4, for those who learned them then.
const FORMERLY: [(&str, &str); 1] = [("broker-list", "bootstrap-server")];
/// Exceptions of the original's parser.
const UNRECOGNIZED: &str = "joptsimple.UnrecognizedOptionException";
const ARGUMENT_MISSING: &str = "joptsimple.OptionMissingRequiredArgumentException";
const SEVERAL_ARGUMENTS: &str = "joptsimple.MultipleArgumentsForOptionException";
const CANNOT_CONVERT: &str = "joptsimple.OptionArgumentConversionException";

impl Opt {
    /// An option without a value.
    pub(crate) const fn flag(name: &'static str, help: &'static str) -> Opt {
        Opt { name, takes: Takes::Nothing, help }
    }

    /// An option with a value that may be left out, which help calls `value`.
    pub(crate) const fn optional(name: &'static str, value: &'static str, help: &'static str) -> Opt {
        Opt { name, takes: Takes::Optional(value), help }
    }

    /// An option with a value, which help calls `value`.
    pub(crate) const fn value(name: &'static str, value: &'static str, help: &'static str) -> Opt {
        Opt { name, takes: Takes::Value(value), help }
    }
}

/// Options that every tool has.
const COMMON: [Opt; 2] = [
    Opt::flag("help", "Print this text."),
    Opt::flag("version", "Print the version of Kafka that this tool stands for."),
];

impl Options {
    /// Reads a command line.
    pub(crate) fn read(&self, arguments: &[String]) -> Result<Given, Refusal> {
        let mut given = Given { options: Vec::new(), words: Vec::new() };
        let mut arguments = arguments.iter().peekable();
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                given.words.extend(arguments.by_ref().cloned());
                break;
            }
            let Some(text) = argument
                .strip_prefix("--")
                .or_else(|| argument.strip_prefix('-'))
                .filter(|text| !text.is_empty())
            else {
                given.words.push(argument.clone());
                continue;
            };
            let (name, inline) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (text, None),
            };
            let option = self
                .find(name)
                .ok_or_else(|| Refusal::Parser(UNRECOGNIZED, format!("{name}{NOT_RECOGNIZED}")))?;
            let value = match option.takes {
                Takes::Nothing if inline.is_some() => {
                    return Err(Refusal::Parser(UNRECOGNIZED, format!("{name}{NOT_RECOGNIZED}")));
                }
                Takes::Nothing => None,
                Takes::Optional(_) => {
                    let is_value = |word: &&String| !looks_like_an_option(word);
                    inline.or_else(|| arguments.next_if(is_value).cloned())
                }
                Takes::Value(_) => {
                    let value = inline.or_else(|| arguments.next().cloned());
                    Some(value.ok_or_else(|| {
                        Refusal::Parser(ARGUMENT_MISSING, format!("Option {name} requires an argument"))
                    })?)
                }
            };
            given.options.push((option.name, value));
        }
        Ok(given)
    }

    /// The table of options, as help shows it.
    pub(crate) fn table(&self) -> String {
        let mut rows: Vec<(String, &str)> = self.all().map(|option| (option.shown(), option.help)).collect();
        rows.sort();
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default().min(40);
        let mut table = String::new();
        for (name, help) in rows {
            // Writing to a string cannot fail.
            let _ = writeln!(table, "{name:<width$}  {help}");
        }
        table
    }

    /// The names of all options.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.all().map(|option| option.name)
    }

    fn find(&self, name: &str) -> Option<&Opt> {
        let named = |name: &str| self.all().find(|option| option.name == name);
        let formerly = || FORMERLY.iter().find_map(|(old, new)| (*old == name).then_some(*new));
        named(name).or_else(|| named(formerly()?))
    }

    fn all(&self) -> impl Iterator<Item = &Opt> {
        self.options.iter().chain(&COMMON)
    }
}

fn looks_like_an_option(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

impl Opt {
    /// As help shows it, with its value.
    pub(crate) fn shown(&self) -> String {
        match self.takes {
            Takes::Nothing => format!("--{}", self.name),
            Takes::Value(value) => format!("--{} <{value}>", self.name),
            Takes::Optional(value) => format!("--{} [{value}]", self.name),
        }
    }
}

impl Given {
    /// True where the option was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(option, _)| *option == name)
    }

    /// Options and their values in the order they were given.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        self.options.iter().map(|(option, value)| (*option, value.as_deref()))
    }

    /// All values of an option.
    pub(crate) fn values<'g>(&'g self, name: &'g str) -> impl Iterator<Item = &'g str> {
        self.options
            .iter()
            .filter(move |(option, _)| *option == name)
            .filter_map(|(_, value)| value.as_deref())
    }

    /// The value of an option that may be given once.
    pub(crate) fn value(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let mut values = self.options.iter().filter(|(option, _)| *option == name);
        let value = values.next().and_then(|(_, value)| value.as_deref());
        if values.next().is_some() {
            return Err(Refusal::Parser(
                SEVERAL_ARGUMENTS,
                format!("Found multiple arguments for option {name}, but you asked for only one"),
            ));
        }
        Ok(value)
    }

    /// The same, as a whole number of Java's type `int`.
    pub(crate) fn number(&self, name: &str) -> Result<Option<i32>, Refusal> {
        self.parsed(name)
    }

    /// The same, as a whole number of Java's type `long`.
    pub(crate) fn long(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.parsed(name)
    }

    /// The same, as a number of any type.
    pub(crate) fn parsed<N: std::str::FromStr>(&self, name: &str) -> Result<Option<N>, Refusal> {
        let Some(text) = self.value(name)? else { return Ok(None) };
        let number = text.parse().map_err(|_| {
            Refusal::Parser(CANNOT_CONVERT, format!("Cannot parse argument '{text}' of option {name}"))
        });
        number.map(Some)
    }

    /// Refuses a line without one of these options.
    pub(crate) fn require(&self, names: &[&str]) -> Result<(), Refusal> {
        match names.iter().find(|name| !self.has(name)) {
            Some(missing) => Err(Refusal::Usage(format!("Missing required argument \"[{missing}]\""))),
            None => Ok(()),
        }
    }

    /// Refuses a line with an option and another one that it does not go with.
    pub(crate) fn exclude(&self, name: &str, others: &[&str]) -> Result<(), Refusal> {
        match others.iter().find(|other| self.has(name) && self.has(other)) {
            Some(other) => {
                Err(Refusal::Usage(format!("Option \"[{name}]\" can't be used with option \"[{other}]\"")))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const OPTIONS: Options = Options {
        about: "This tool does things.",
        options: &[
            Opt::flag("list", "List all things."),
            Opt::value("topic", "topic", "A topic."),
            Opt::optional("state", "state", "A state."),
            Opt::value("shift-by", "n", "How far."),
        ],
    };

    fn read(line: &str) -> Result<Given, Refusal> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        OPTIONS.read(&words)
    }

    #[test]
    fn one_option_is_read_in_every_spelling() {
        for line in ["--topic a", "--topic=a", "-topic a", "-topic=a"] {
            assert_eq!(read(line).unwrap().value("topic"), Ok(Some("a")), "{line}");
        }
        let given = read("x --list --state S --topic a -- --topic b").unwrap();
        assert!(given.has("list") && given.has("state") && !given.has("shift-by"));
        assert_eq!(given.value("state"), Ok(Some("S")));
        assert_eq!(given.words, ["x", "--topic", "b"]);
        assert_eq!(read("--shift-by -5").unwrap().number("shift-by"), Ok(Some(-5)));
        let given = read("--state --list").unwrap();
        assert!(given.has("state") && given.has("list"));
        assert_eq!(given.value("state"), Ok(None));
        assert_eq!(read("--state=S").unwrap().value("state"), Ok(Some("S")));
    }

    #[test]
    fn what_cannot_be_read_is_named_as_the_original_names_it() {
        let refusal = |exception, text: &str| Refusal::Parser(exception, text.to_owned());
        assert_eq!(read("--frobnicate"), Err(refusal(UNRECOGNIZED, "frobnicate is not a recognized option")));
        assert_eq!(read("--top a"), Err(refusal(UNRECOGNIZED, "top is not a recognized option")));
        assert_eq!(read("--topic"), Err(refusal(ARGUMENT_MISSING, "Option topic requires an argument")));
        let twice = read("--topic a --topic b").unwrap();
        assert_eq!(twice.values("topic").collect::<Vec<_>>(), ["a", "b"]);
        let several = "Found multiple arguments for option topic, but you asked for only one";
        assert_eq!(twice.value("topic"), Err(refusal(SEVERAL_ARGUMENTS, several)));
        let letters = refusal(CANNOT_CONVERT, "Cannot parse argument 'x' of option shift-by");
        assert_eq!(read("--shift-by x").unwrap().number("shift-by"), Err(letters));
    }

    #[test]
    fn options_that_need_or_exclude_each_other_are_told_with_the_table() {
        let given = read("--list --topic a").unwrap();
        let usage = |text: &str| Err(Refusal::Usage(text.to_owned()));
        assert_eq!(given.require(&["topic", "state"]), usage("Missing required argument \"[state]\""));
        let clash = "Option \"[list]\" can't be used with option \"[topic]\"";
        assert_eq!(given.exclude("list", &["shift-by", "topic"]), usage(clash));
        assert_eq!(given.exclude("state", &["topic"]), Ok(()));
        assert!(OPTIONS.table().starts_with("--help           Print this text.\n--list "));
    }

    /// A piece of a command line: its words, and the option or the word that is to be read from them.
    #[derive(Debug, Clone)]
    struct Piece {
        words: Vec<String>,
        option: Option<(&'static str, Option<String>)>,
    }

    fn piece() -> impl Strategy<Value = Piece> {
        let dashes = || prop_oneof![Just("--"), Just("-")];
        let value = (dashes(), prop_oneof![Just("topic"), Just("shift-by")], any::<bool>(), any::<String>());
        let value = value.prop_map(|(dashes, name, is_joined, value)| {
            let words = if is_joined {
                vec![format!("{dashes}{name}={value}")]
            } else {
                vec![format!("{dashes}{name}"), value.clone()]
            };
            Piece { words, option: Some((name, Some(value))) }
        });
        let flag = dashes()
            .prop_map(|dashes| Piece { words: vec![format!("{dashes}list")], option: Some(("list", None)) });
        let word = "[^-].{0,5}|-".prop_map(|word| Piece { words: vec![word], option: None });
        prop_oneof![value, flag, word]
    }

    proptest! {
        #[test]
        fn options_are_read_in_any_spelling_order_and_company(pieces in vec(piece(), 0..8), rest in vec(any::<String>(), 0..3)) {
            let mut line: Vec<String> = pieces.iter().flat_map(|piece| piece.words.clone()).collect();
            line.push("--".to_owned());
            line.extend(rest.clone());
            let words = pieces.iter().filter(|piece| piece.option.is_none()).flat_map(|piece| piece.words.clone());
            let expected = Given {
                options: pieces.iter().filter_map(|piece| piece.option.clone()).collect(),
                words: words.chain(rest).collect(),
            };
            prop_assert_eq!(OPTIONS.read(&line), Ok(expected));
        }

        #[test]
        fn any_words_are_read_or_refused(words in vec(any::<String>(), 0..6)) {
            let _ = OPTIONS.read(&words);
        }
    }
}
