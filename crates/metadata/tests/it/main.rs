//! Whole-crate tests: scripts of requests with their records and answers, replay, bootstrap.

mod any_request;
mod bootstrap;
mod quotas;
mod replay;
mod script;
mod shown;

macro_rules! scripts {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            script::run(stringify!($name));
        })+
    };
}

scripts! {
    brokers
    directories
    configs
    create_partitions
    create_topics
    delete_topics
    features
    producer_ids
}

#[test]
fn settings_decide_on_replicas_sessions_and_who_may_lead() {
    script::run("elections");
}
