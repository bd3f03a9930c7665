//! How nodes look on the terminal.

use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use zookeeper::Stat;
use zookeeper::reply::Acl;

/// Bits of an access list and their letters, in the order in which they are shown.
const PERMISSIONS: [(i32, char); 5] = [(4, 'c'), (8, 'd'), (1, 'r'), (2, 'w'), (16, 'a')];

/// The lines of a stat.
pub(super) fn stat(stat: &Stat, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "cZxid = {:#x}", stat.czxid)?;
    writeln!(out, "ctime = {}", time(stat.ctime_ms))?;
    writeln!(out, "mZxid = {:#x}", stat.mzxid)?;
    writeln!(out, "mtime = {}", time(stat.mtime_ms))?;
    writeln!(out, "pZxid = {:#x}", stat.pzxid)?;
    writeln!(out, "cversion = {}", stat.cversion)?;
    writeln!(out, "dataVersion = {}", stat.version)?;
    writeln!(out, "aclVersion = {}", stat.aversion)?;
    writeln!(out, "ephemeralOwner = {:#x}", stat.ephemeral_owner)?;
    writeln!(out, "dataLength = {}", stat.data_length)?;
    writeln!(out, "numChildren = {}", stat.children)
}

/// Names in brackets, ascending.
pub(super) fn names(mut names: Vec<String>, out: &mut dyn Write) -> io::Result<()> {
    names.sort();
    writeln!(out, "[{}]", names.join(", "))
}

/// Data as text; there may be none.
pub(super) fn data(data: Option<&[u8]>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", data.map_or("null".into(), String::from_utf8_lossy))
}

/// The entries of an access list.
pub(super) fn acl(entries: &[Acl], out: &mut dyn Write) -> io::Result<()> {
    for Acl { permissions, scheme, id } in entries {
        let letters = PERMISSIONS.iter().filter(|(bit, _)| permissions & bit != 0).map(|(_, letter)| letter);
        writeln!(out, "'{scheme},'{id}\n: {}", letters.collect::<String>())?;
    }
    Ok(())
}

/// A moment in the system's time zone, as Java writes a `Date`.
fn time(ms: i64) -> String {
    let moment = Timestamp::from_millisecond(ms).unwrap_or_default();
    moment.to_zoned(TimeZone::system()).strftime("%a %b %d %H:%M:%S %Z %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(print: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        print(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_stat_has_a_line_for_each_field() {
        let known = Stat { czxid: 25, ephemeral_owner: 0x100_00e4, data_length: 204, ..Stat::default() };
        let lines = printed(|out| stat(&known, out));
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(
            (lines[0], lines[8], lines[9]),
            ("cZxid = 0x19", "ephemeralOwner = 0x10000e4", "dataLength = 204")
        );
        let words: Vec<&str> = lines[1].split(' ').collect();
        assert_eq!(words.len(), 8, "{}", lines[1]);
        assert!(words[7].parse::<i16>().is_ok_and(|year| (1969..=1970).contains(&year)), "{}", lines[1]);
    }

    #[test]
    fn names_data_and_access_lists_look_as_in_zookeeper() {
        let list = ["b", "a"].map(str::to_owned).to_vec();
        assert_eq!(printed(|out| names(list, out)), "[a, b]\n");
        assert_eq!(printed(|out| names(Vec::new(), out)), "[]\n");
        assert_eq!(printed(|out| data(None, out)) + &printed(|out| data(Some(b"{}"), out)), "null\n{}\n");
        let entry = |permissions| Acl { permissions, scheme: "world".to_owned(), id: "anyone".to_owned() };
        assert_eq!(
            printed(|out| acl(&[entry(31), entry(1)], out)),
            "'world,'anyone\n: cdrwa\n'world,'anyone\n: r\n"
        );
    }
}
