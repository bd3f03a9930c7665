//! A fetch session with one broker: it remembers what was asked for, so that only what changed is sent (KIP-227).

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{ErrorCode, Uuid};
use protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};

/// The epoch of a request that begins a session.
const FIRST_EPOCH: i32 = 0;

/// A partition as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) topic: Arc<str>,
    pub(crate) topic_id: Uuid,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) bytes_max: i32,
}

/// What of a session goes into a request.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Asked {
    pub(crate) session_id: i32,
    pub(crate) session_epoch: i32,
    pub(crate) topics: Vec<FetchTopic<'static>>,
    pub(crate) forgotten: Vec<ForgottenTopic<'static>>,
}

/// What the broker knows of what is wanted.
#[derive(Debug, Default)]
pub(crate) struct Session {
    id: i32,
    epoch: i32,
    known: BTreeMap<(Arc<str>, i32), Wanted>,
}

impl Session {
    /// The broker's id of the session; `None` where there is none.
    pub(crate) fn id(&self) -> Option<i32> {
        Some(self.id).filter(|id| *id != 0)
    }

    /// The name of a topic that is asked for, by its id where the answer has no name.
    pub(crate) fn topic(&self, name: &str, topic_id: Uuid) -> Option<Arc<str>> {
        let is_meant = |wanted: &&Wanted| {
            if name.is_empty() { wanted.topic_id == topic_id } else { *wanted.topic == *name }
        };
        self.known.values().find(is_meant).map(|wanted| Arc::clone(&wanted.topic))
    }

    /// What is asked for of a partition at the moment.
    pub(crate) fn wanted(&self, topic: &Arc<str>, partition: i32) -> Option<&Wanted> {
        self.known.get(&(Arc::clone(topic), partition))
    }

    /// What to send so that exactly these partitions are asked for.
    pub(crate) fn ask(&mut self, wanted: Vec<Wanted>) -> Asked {
        let wanted: BTreeMap<_, _> = wanted
            .into_iter()
            .map(|wanted| ((Arc::clone(&wanted.topic), wanted.partition), wanted))
            .collect();
        let before = std::mem::replace(&mut self.known, wanted);
        let mut asked = Asked { session_id: self.id, session_epoch: self.epoch, ..Asked::default() };
        let is_new = self.epoch == FIRST_EPOCH;
        for (key, wanted) in &self.known {
            if is_new || before.get(key) != Some(wanted) {
                asked.add(wanted);
            }
        }
        if !is_new {
            // A topic that was created anew is another one, though its name is the same.
            let is_gone = |(key, old): &(&(Arc<str>, i32), &Wanted)| {
                self.known.get(*key).is_none_or(|new| new.topic_id != old.topic_id)
            };
            for (_, old) in before.iter().filter(is_gone) {
                asked.forget(old);
            }
        }
        asked
    }

    /// The broker answered: the session goes on, or begins anew.
    pub(crate) fn answered(&mut self, code: ErrorCode, session_id: i32) {
        if !code.is_none() {
            if code == ErrorCode::FETCH_SESSION_ID_NOT_FOUND {
                self.id = 0;
            }
            return self.begin_anew();
        }
        self.id = session_id;
        self.epoch = match self.epoch {
            // The broker keeps no session for this client: everything is sent each time.
            _ if session_id == 0 => FIRST_EPOCH,
            i32::MAX => 1,
            epoch => epoch + 1,
        };
    }

    /// Nothing is known of what the broker made of the last request: the session it has is replaced.
    pub(crate) fn begin_anew(&mut self) {
        self.epoch = FIRST_EPOCH;
    }
}

impl Asked {
    fn add(&mut self, wanted: &Wanted) {
        let partition = FetchPartition {
            partition: wanted.partition,
            current_leader_epoch: wanted.leader_epoch,
            fetch_offset: wanted.offset,
            last_fetched_epoch: -1,
            log_start_offset: -1,
            partition_max_bytes: wanted.bytes_max,
            ..FetchPartition::default()
        };
        match self.topics.last_mut().filter(|topic| *topic.topic == *wanted.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => self.topics.push(FetchTopic {
                topic: wanted.topic.to_string().into(),
                topic_id: wanted.topic_id,
                partitions: vec![partition],
            }),
        }
    }

    fn forget(&mut self, old: &Wanted) {
        let is_same =
            |topic: &&mut ForgottenTopic<'_>| topic.topic_id == old.topic_id && *topic.topic == *old.topic;
        match self.forgotten.last_mut().filter(is_same) {
            Some(topic) => topic.partitions.push(old.partition),
            None => self.forgotten.push(ForgottenTopic {
                topic: old.topic.to_string().into(),
                topic_id: old.topic_id,
                partitions: vec![old.partition],
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(partition: i32, offset: i64) -> Wanted {
        Wanted {
            topic: "t".into(),
            topic_id: Uuid::default(),
            partition,
            offset,
            leader_epoch: 0,
            bytes_max: 100,
        }
    }

    fn offsets(asked: &Asked) -> Vec<(i32, i64)> {
        let partitions = asked.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| (partition.partition, partition.fetch_offset)).collect()
    }

    #[test]
    fn only_what_changed_is_sent_again() {
        let mut session = Session::default();
        let first = session.ask(vec![wanted(0, 5), wanted(1, 6)]);
        assert_eq!((first.session_id, first.session_epoch), (0, 0));
        assert_eq!(offsets(&first), [(0, 5), (1, 6)]);
        session.answered(ErrorCode::NONE, 77);
        let second = session.ask(vec![wanted(0, 9), wanted(1, 6)]);
        assert_eq!((second.session_id, second.session_epoch), (77, 1));
        assert_eq!((offsets(&second), second.forgotten.len()), (vec![(0, 9)], 0));
        session.answered(ErrorCode::NONE, 77);
        let third = session.ask(vec![wanted(1, 6)]);
        assert_eq!((third.session_epoch, third.topics.len()), (2, 0));
        assert_eq!(third.forgotten[0].partitions, [0]);
        let topic = session.topic("", Uuid::default()).unwrap();
        assert_eq!(session.wanted(&topic, 1).map(|wanted| wanted.offset), Some(6));
        assert_eq!(session.wanted(&topic, 0), None);
    }

    #[test]
    fn after_an_error_everything_is_sent() {
        let mut session = Session::default();
        session.ask(vec![wanted(0, 5)]);
        session.answered(ErrorCode::NONE, 77);
        session.begin_anew();
        let replaced = session.ask(vec![wanted(0, 5)]);
        assert_eq!((replaced.session_id, replaced.session_epoch, replaced.topics.len()), (77, 0, 1));
        session.answered(ErrorCode::FETCH_SESSION_ID_NOT_FOUND, 0);
        assert_eq!((session.id(), session.ask(vec![wanted(0, 5)]).session_id), (None, 0));
        session.answered(ErrorCode::NONE, 0);
        assert_eq!(session.ask(vec![wanted(0, 6)]).session_epoch, 0, "a broker without room for sessions");
    }
}
