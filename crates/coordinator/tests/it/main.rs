//! Groups and offsets by script: requests, time and stored records in, records, answers and timers out.

mod floods;
mod member_memory;
mod random_consumers;
mod random_members;
mod random_migrations;
mod script;
mod simulation;
mod topics;

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

#[test]
fn consumer_groups_follow_their_script() {
    script::run("consumer");
}

#[test]
fn static_members_of_consumer_groups_follow_their_script() {
    script::run("consumer-static");
}

#[test]
fn regular_expressions_and_changing_topics_follow_their_script() {
    script::run("consumer-topics");
}

#[test]
fn racks_make_other_topics() {
    script::run("consumer-racks");
}

#[test]
fn refused_heartbeats_follow_their_script() {
    script::run("consumer-refused");
}

#[test]
fn refused_requests_of_classic_members_follow_their_script() {
    script::run("refused");
}

#[test]
fn the_topics_of_regular_expressions_are_looked_for_again_after_the_time_set() {
    script::run("consumer-refresh");
}

#[test]
fn groups_that_change_their_protocol_follow_their_script() {
    script::run("migration");
}
