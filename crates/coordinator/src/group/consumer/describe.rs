//! ConsumerGroupDescribe.

use protocol::messages::consumer_group_describe_response as shown;

use super::{ConsumerGroup, Member};
use crate::assignor::{Assignor, Partitions};
use crate::settings::ConsumerGroupSettings;
use crate::topics::TopicView;

/// Kafka's numbers of the protocols that members speak.
const SPEAKS_CLASSIC: i8 = 0;
const SPEAKS_CONSUMER: i8 = 1;

impl ConsumerGroup {
    pub fn describe(
        &self,
        settings: &ConsumerGroupSettings,
        topics: &dyn TopicView,
    ) -> shown::DescribedGroup<'static> {
        let default = settings.assignors.first().copied().unwrap_or(Assignor::Uniform).name();
        let assignor = self.members.preferred_assignor().unwrap_or(default);
        shown::DescribedGroup {
            group_id: self.id.to_string().into(),
            group_state: self.state().name().into(),
            group_epoch: self.epoch,
            assignment_epoch: self.target.epoch,
            assignor_name: assignor.to_owned().into(),
            members: self.members.iter().map(|member| self.shown_member(member, topics)).collect(),
            ..shown::DescribedGroup::default()
        }
    }

    fn shown_member(&self, member: &Member, topics: &dyn TopicView) -> shown::Member<'static> {
        let metadata = &member.metadata;
        // What it is to give up it may still read.
        let (assigned, revoking) = (&member.current.assigned, &member.current.revoking);
        let mut held = Partitions::new();
        for (topic, epochs) in assigned.iter().chain(revoking) {
            held.at(*topic).extend(epochs.keys().copied());
        }
        let target = self
            .target
            .of(&member.id)
            .map_or_else(Default::default, |target| shown_assignment(target, topics));
        shown::Member {
            member_id: member.id.to_string().into(),
            instance_id: metadata.instance_id.clone().map(Into::into),
            rack_id: metadata.rack_id.clone().map(Into::into),
            member_epoch: member.current.epoch,
            client_id: metadata.client_id.to_string().into(),
            client_host: metadata.client_host.to_string().into(),
            subscribed_topic_names: metadata.topics.iter().map(|topic| topic.clone().into()).collect(),
            subscribed_topic_regex: Some(metadata.regex.clone().into()),
            assignment: shown_assignment(&held, topics),
            target_assignment: target,
            member_type: if member.is_classic() { SPEAKS_CLASSIC } else { SPEAKS_CONSUMER },
        }
    }
}

/// Topics that are gone are not shown.
fn shown_assignment(held: &Partitions, topics: &dyn TopicView) -> shown::Assignment<'static> {
    let shown = held.iter().filter_map(|(topic_id, indexes)| {
        let topic_name = topics.by_id(*topic_id)?.name.to_owned().into();
        let partitions = indexes.iter().copied().collect();
        Some(shown::TopicPartitions { topic_id: *topic_id, topic_name, partitions })
    });
    shown::Assignment { topic_partitions: shown.collect() }
}
