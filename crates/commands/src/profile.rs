//! Profiles: clusters by name in `~/.config/naru/config.toml`, each with any setting of a client.
//!
//! ```toml
//! default-profile = "local"
//!
//! [profiles.local]
//! bootstrap-server = "localhost:9092"
//! client.id = "me"
//! ```

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::failure::Failure;

/// Bytes of a file of profiles that are read.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// The profile that holds where none is named.
const IMPLIED: &str = "default";

/// Settings by key.
pub(crate) type Settings = BTreeMap<String, String>;

/// What a file of profiles says.
#[derive(Debug, Default)]
struct Profiles {
    default: Option<String>,
    by_name: BTreeMap<String, Settings>,
}

/// The settings of the profile that is meant: by the option, by `NARU_PROFILE`, or by the file.
pub(crate) fn read(option: Option<&str>, variables: &[(String, String)]) -> Result<Settings, Failure> {
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    };
    let named = option.or_else(|| variable("NARU_PROFILE"));
    let home = variable("HOME").map(|home| Path::new(home).join(".config"));
    // The specification of these folders has paths that are not absolute ignored.
    let folder = variable("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute()).or(home);
    let Some(path) = folder.map(|folder| folder.join("naru").join("config.toml")) else {
        return named.map_or(Ok(Settings::new()), |name| {
            Err(Failure::not_run(format!(
                "profile '{name}': neither XDG_CONFIG_HOME nor HOME says where profiles are"
            )))
        });
    };
    let shown = path.display();
    let Some(text) =
        text_of(&path).map_err(|why| Failure::not_run(format!("{shown} cannot be read: {why}")))?
    else {
        return named.map_or(Ok(Settings::new()), |name| {
            Err(Failure::not_run(format!("there is no profile '{name}', because there is no {shown}")))
        });
    };
    let profiles = Profiles::parse(&text).map_err(|why| Failure::not_run(format!("{shown}: {why}")))?;
    profiles.choose(named).map_err(|failure| failure.about(&shown.to_string()))
}

fn text_of(path: &Path) -> Result<Option<String>, String> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|error| error.to_string())?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it has more than {FILE_BYTES_MAX} bytes"));
    }
    Ok(Some(text))
}

impl Profiles {
    fn parse(text: &str) -> Result<Profiles, String> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| one_line(&error))?;
        let mut profiles = Profiles::default();
        for (key, value) in table {
            match (key.as_str(), value) {
                ("default-profile", Value::String(name)) => profiles.default = Some(name),
                ("profiles", Value::Table(named)) => {
                    for (name, entries) in named {
                        let Value::Table(entries) = entries else {
                            return Err(format!("profiles.{name} is no table"));
                        };
                        let mut settings = Settings::new();
                        flatten("", entries, &mut settings)
                            .map_err(|why| format!("profile '{name}': {why}"))?;
                        profiles.by_name.insert(name, settings);
                    }
                }
                _ => {
                    return Err(format!(
                        "'{key}' is neither default-profile with a name nor [profiles.NAME] with settings"
                    ));
                }
            }
        }
        Ok(profiles)
    }

    fn choose(mut self, named: Option<&str>) -> Result<Settings, Failure> {
        let Some(name) = named.map(str::to_owned).or(self.default.clone()) else {
            return Ok(self.by_name.remove(IMPLIED).unwrap_or_default());
        };
        let known: Vec<String> = self.by_name.keys().cloned().collect();
        self.by_name.remove(&name).ok_or_else(|| {
            let failure = Failure::not_run(format!("there is no profile '{name}'"));
            let failure = failure.did_you_mean(&name, known.iter().map(String::as_str));
            failure.hint(format!("profiles: {}", known.join(", ")))
        })
    }
}

/// Takes entries by their whole keys: `client.id = "x"` is a table in a table to TOML.
fn flatten(prefix: &str, entries: Table, settings: &mut Settings) -> Result<(), String> {
    for (key, value) in entries {
        let key = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        if let Value::Table(inner) = value {
            flatten(&key, inner, settings)?;
            continue;
        }
        let text = match &value {
            Value::Array(elements) => {
                let texts: Option<Vec<String>> = elements.iter().map(scalar).collect();
                texts.map(|texts| texts.join(","))
            }
            value => scalar(value),
        };
        let text = text.ok_or_else(|| format!("the value of {key} cannot be a setting"))?;
        let key = if key == "bootstrap-server" { "bootstrap.servers".to_owned() } else { key };
        settings.insert(key, text);
    }
    Ok(())
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(truth) => Some(truth.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

fn one_line(error: &toml::de::Error) -> String {
    error.message().lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "default-profile = 'near'\n[profiles.near]\nbootstrap-server = 'a:1'\nclient.id = 'me'\n\
        [profiles.far]\nbootstrap-server = ['b:2', 'c:3']\n'session.timeout.ms' = 9000\nenable.auto.commit = false\n";

    fn chosen(named: Option<&str>) -> Vec<(String, String)> {
        Profiles::parse(FILE).unwrap().choose(named).unwrap().into_iter().collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn keys_may_be_written_with_dots_or_quoted() {
        assert_eq!(chosen(None), pairs(&[("bootstrap.servers", "a:1"), ("client.id", "me")]));
        let far = [
            ("bootstrap.servers", "b:2,c:3"),
            ("enable.auto.commit", "false"),
            ("session.timeout.ms", "9000"),
        ];
        assert_eq!(chosen(Some("far")), pairs(&far));
    }

    #[test]
    fn a_profile_that_is_not_there_is_answered_with_the_nearest() {
        let failure = Profiles::parse(FILE).unwrap().choose(Some("nera")).unwrap_err();
        let mut text = Vec::new();
        failure.tell(&mut text);
        let text = String::from_utf8(text).unwrap();
        assert_eq!(
            text,
            "naru: there is no profile 'nera'\n  hint: did you mean 'near'?\n  hint: profiles: far, near\n"
        );
        assert_eq!(failure.code(), crate::failure::NOT_RUN);
    }

    #[test]
    fn what_cannot_be_read_says_what_it_is() {
        for (text, fragment) in [
            ("profiles = 1", "'profiles' is neither"),
            ("[profiles.a]\nx = 1979-05-27", "the value of x cannot be a setting"),
            ("[profiles]\na = 1", "profiles.a is no table"),
            ("a = ", ""),
        ] {
            let why = Profiles::parse(text).unwrap_err();
            assert!(why.contains(fragment) && !why.contains('\n'), "{text}: {why}");
        }
    }

    #[test]
    fn profiles_are_found_where_the_environment_says() {
        let folder = tempfile::tempdir().unwrap();
        let home = |name: &str, folder: &Path| (name.to_owned(), folder.display().to_string());
        let of_xdg = [home("XDG_CONFIG_HOME", folder.path())];
        assert_eq!(read(None, &of_xdg), Ok(Settings::new()), "no file is no failure");
        assert!(read(Some("near"), &of_xdg).is_err());
        std::fs::create_dir_all(folder.path().join("naru")).unwrap();
        std::fs::write(folder.path().join("naru/config.toml"), FILE).unwrap();
        assert_eq!(read(None, &of_xdg).unwrap().get("client.id").map(String::as_str), Some("me"));
        let mut with_name = of_xdg.to_vec();
        with_name.push(("NARU_PROFILE".to_owned(), "far".to_owned()));
        assert_eq!(read(None, &with_name).unwrap().len(), 3);
        assert_eq!(read(Some("near"), &with_name).unwrap().len(), 2, "the option is stronger");
        std::fs::create_dir_all(folder.path().join(".config")).unwrap();
        std::fs::rename(folder.path().join("naru"), folder.path().join(".config/naru")).unwrap();
        assert_eq!(read(None, &[home("HOME", folder.path())]).unwrap().len(), 2);
    }
}
