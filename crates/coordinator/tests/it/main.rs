//! Groups and offsets by script: requests, time and stored records in, records, answers and timers out.

mod random_members;
mod script;

#[test]
fn classic_groups_follow_their_script() {
    script::run("classic");
}

#[test]
fn static_members_follow_their_script() {
    script::run("static");
}

#[test]
fn offsets_follow_their_script() {
    script::run("offsets");
}
