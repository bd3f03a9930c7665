//! Which texts are paths of nodes; clients are told before anything is sent.

/// Checks a path; the sentence is that of ZooKeeper's client.
pub fn check(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Err("Path length must be > 0".to_owned());
    }
    if !path.starts_with('/') {
        return Err("Path must start with / character".to_owned());
    }
    if path == "/" {
        return Ok(());
    }
    if path.ends_with('/') {
        return Err("Path must not end with / character".to_owned());
    }
    let invalid = |reason: &str| Err(format!("Invalid path string \"{path}\" caused by {reason}"));
    let mut position = 0;
    for name in path.split('/').skip(1) {
        let length = name.chars().count();
        match name {
            "" => return invalid(&format!("empty node name specified @{}", position + 1)),
            "." | ".." => return invalid(&format!("relative paths not allowed @{}", position + length)),
            _ => {}
        }
        for (index, character) in name.chars().enumerate() {
            let at = position + 1 + index;
            match character {
                '\0' => return invalid(&format!("null character not allowed @{at}")),
                '\u{1}'..='\u{1f}'
                | '\u{7f}'..='\u{9f}'
                | '\u{e000}'..='\u{f8ff}'
                | '\u{fff0}'..='\u{ffff}' => {
                    return invalid(&format!("invalid character @{at}"));
                }
                _ => {}
            }
        }
        position += 1 + length;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_no_paths_are_told_as_zookeeper_does() {
        for path in ["/", "/brokers", "/config/users/<default>", "/a.b/..c", "/나루"] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
        let cases = [
            ("", "Path length must be > 0"),
            ("relative", "Path must start with / character"),
            ("/a/", "Path must not end with / character"),
            ("/a//b", "Invalid path string \"/a//b\" caused by empty node name specified @3"),
            ("/a/../b", "Invalid path string \"/a/../b\" caused by relative paths not allowed @4"),
            ("/.", "Invalid path string \"/.\" caused by relative paths not allowed @1"),
            ("/a\u{1}", "Invalid path string \"/a\u{1}\" caused by invalid character @2"),
        ];
        for (path, sentence) in cases {
            assert_eq!(check(path), Err(sentence.to_owned()));
        }
    }
}
