//! What the command line says without a cluster: help, complaints, exit codes.

use clap::Command;

use super::*;

/// Exit code, standard output and standard error of a line.
fn ran(line: &str) -> (u8, String, String) {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    // Nobody's profile.
    let variables = [("XDG_CONFIG_HOME".to_owned(), "/nonexistent".to_owned())];
    let code = run_to(&words, &variables, false, &mut out, &mut err);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// The help of a command and of all its words.
fn help_of(command: &mut Command, path: &str, text: &mut String) {
    text.push_str(&format!("== {path}\n{}\n", command.render_long_help()));
    for inner in command.get_subcommands_mut() {
        let path = format!("{path} {}", inner.get_name());
        help_of(inner, &path, text);
    }
}

/// `NARU_RECORD=1 cargo test -p commands` writes it anew.
#[test]
fn help_is_what_stands_in_testdata() {
    let mut root = arguments::root();
    root.build();
    let mut text = String::new();
    help_of(&mut root, "naru", &mut text);
    let text: String = text.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/help.txt");
    if std::env::var_os("NARU_RECORD").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(path).unwrap());
}

#[test]
fn help_is_a_result() {
    let (code, out, err) = ran("topic create --help");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("--partitions <N>"), "{out}");
}

#[test]
fn a_line_that_cannot_be_read_is_told_in_one_line_with_hints() {
    for (line, sentence, hint) in [
        ("topic lst", "unrecognized subcommand 'lst'", "a similar subcommand exists: 'list'"),
        ("topic create t --partitoins 3", "unexpected argument '--partitoins' found", "'--partitions'"),
        ("topic list -o jsn", "invalid value 'jsn' for '--output <FORMAT>'", "'json'"),
        ("topic create t -p 0", "invalid value '0' for '--partitions <N>': 0 is not in 1..=2147483647", ""),
        ("consume t --from begin", "'begin' is no place in a partition", ""),
        ("topic", "'naru topic' requires a subcommand but one was not provided", "list"),
        ("topic list --timeout soon", "is no length of time", ""),
        ("topic list -X novalue", "'novalue' is not KEY=VALUE", ""),
    ] {
        let (code, out, err) = ran(line);
        assert_eq!((code, out.as_str()), (2, ""), "{line}: {err}");
        let first = err.lines().next().unwrap_or_default();
        assert!(first.starts_with("naru: ") && first.contains(sentence), "{line}: {err}");
        assert!(err.lines().skip(1).all(|line| line.starts_with("  hint: ")), "{line}: {err}");
        assert!(err.contains(hint), "{line}: {err}");
    }
}

#[test]
fn a_server_that_is_not_there_is_named_at_once() {
    let (code, out, err) = ran("topic list -b 127.0.0.1:1 -o json");
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.starts_with("naru: no connection to 127.0.0.1:1: connection refused\n"), "{err}");
    let (code, _, err) = ran("cluster show -b nowhere");
    assert_eq!(code, 2, "{err}");
    let (code, _, err) = ran("topic list --profile mine");
    assert_eq!(code, 2);
    assert!(err.contains("there is no profile 'mine'"), "{err}");
}

#[test]
fn a_setting_that_no_client_has_is_told_and_does_no_harm() {
    let (_, _, err) = ran("completions bash -X sesion.timeout.ms=1");
    assert_eq!(
        err,
        "naru: sesion.timeout.ms is no setting of a client and has no effect; did you mean session.timeout.ms?\n"
    );
}

#[test]
fn the_doctor_says_in_its_exit_code_what_it_found() {
    let (code, out, err) = ran("doctor -b 127.0.0.1:1 -o json");
    assert_eq!((code, err.as_str()), (1, ""));
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    let first = &report["findings"][0];
    assert_eq!((&first["check"], &first["level"]), (&"address".into(), &"problem".into()));
    assert!(first["remedy"].as_str().unwrap().contains("start the server"));
    let (code, _, err) = ran("doctor -b 127.0.0.1:1 -X acks=maybe");
    assert_eq!(code, 2, "{err}");
}

#[test]
fn a_log_file_that_is_damaged_is_shown_as_far_as_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let batch = records::BatchBuilder::new().base_offset(5).record(1000, Some(b"k"), Some(b"v"));
    let mut bytes = batch.build();
    bytes.extend_from_slice(&[0; 30]);
    let path = folder.path().join("00000000000000000005.log");
    std::fs::write(&path, bytes).unwrap();
    let (code, out, err) = ran(&format!("log {} --records -o json", folder.path().display()));
    assert_eq!(code, 1, "{err}");
    let batch: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&batch["baseOffset"], &batch["intact"]), (&5.into(), &true.into()));
    assert_eq!(batch["records"][0]["value"], "v");
    let (code, _, err) = ran(&format!("log {}", folder.path().join("missing").display()));
    assert!(code == 1 && err.contains("cannot be read"), "{err}");
}
