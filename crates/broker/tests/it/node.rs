//! A broker in this process, on a real socket, without a quorum: images are made by hand.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use broker::controller::ControllerCall;
use broker::cores::Cores;
use broker::listeners::{self, Bound, ListenerInfo, OpenListeners};
use broker::log_dirs::{BrokerLogDir, LogDirs};
use broker::options::BrokerOptions;
use broker::{Broker, BrokerParts, DataPathCounts, housekeeping, metadata_view};
use config::{Inputs, SecurityProtocol};
use metadata::Image;
use model::Uuid;
use partition_log::{Disk, FileHandles, LogDir, LogHome, RealDisk};
use protocol::messages::client_quota_record::EntityData;
use protocol::messages::{
    ClientQuotaRecord, ConfigRecord, MetadataRecord, PartitionRecord, RemoveTopicRecord, TopicRecord,
};
use tokio::sync::{mpsc, watch};
use transport::{Listener, ListenerOptions};

use crate::client::Client;

/// Codes of the resources that have settings.
pub const TOPIC: i8 = 2;
pub const BROKER: i8 = 4;

/// A running broker; dropping it stops it.
pub struct Node {
    pub broker: Arc<Broker>,
    pub address: SocketAddr,
    image: Image,
    stop: watch::Sender<bool>,
    threads: Option<(Arc<Cores>, JoinHandle<()>)>,
    _images: watch::Sender<Arc<Image>>,
}

/// What a test chooses.
pub struct Setup<'a> {
    pub folder: &'a Path,
    pub cores: usize,
    pub disk: Arc<dyn Disk>,
    pub open_files_max: usize,
    /// Log directories besides `folder`; one that cannot be opened is offline.
    pub more_folders: &'a [&'a Path],
    pub settings: &'a [(&'a str, &'a str)],
    /// Takes what the broker asks of the controller; without it nobody answers.
    pub controller: Option<mpsc::Sender<ControllerCall>>,
    /// Counts the allocations of the cores' threads, told once the node has stopped.
    pub allocations: Option<Arc<AtomicU64>>,
}

impl<'a> Setup<'a> {
    pub fn new(folder: &'a Path) -> Setup<'a> {
        Setup {
            folder,
            cores: 2,
            disk: Arc::new(RealDisk),
            open_files_max: 1000,
            more_folders: &[],
            settings: &[],
            controller: None,
            allocations: None,
        }
    }

    pub fn start(self) -> Node {
        let overrides = [("node.id", "1"), ("log.dirs", self.folder.to_str().unwrap())];
        let settings = overrides.iter().chain(self.settings);
        let overrides = settings.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let loaded = config::load(&Inputs { overrides, ..Inputs::default() }).unwrap();
        let (images, agreed) = watch::channel(Arc::new(Image::new()));
        let controller = self.controller.unwrap_or_else(|| mpsc::channel(1).0);
        let listening = ListenerOptions {
            host: "127.0.0.1".into(),
            port: 0,
            backlog: 4096,
            receive_buffer_bytes: None,
            send_buffer_bytes: None,
        };
        let listener = Listener::bind(&listening).unwrap();
        let address = listener.address();
        let info = Arc::new(ListenerInfo {
            name: "PLAINTEXT".into(),
            address,
            security_protocol: SecurityProtocol::Plaintext,
            advertised_host: "127.0.0.1".into(),
            advertised_port: address.port(),
        });
        let (listeners, opened) = OpenListeners::new(vec![Bound { listener, info }]);
        let files = Arc::new(FileHandles::new(self.open_files_max));
        let folders = [self.folder].into_iter().chain(self.more_folders.iter().copied());
        let log_dirs = folders.zip(7..).map(|(folder, number)| {
            match LogDir::open(folder, Arc::clone(&self.disk), Arc::clone(&files)) {
                Ok(log_dir) => BrokerLogDir::start(log_dir, Uuid([number; 16])).unwrap(),
                Err(error) => {
                    let home = LogHome::new(Arc::clone(&self.disk), Arc::clone(&files));
                    home.take_offline(&error.to_string());
                    BrokerLogDir::offline(folder, home).unwrap()
                }
            }
        });
        let broker = Broker::new(BrokerParts {
            options: BrokerOptions::new(loaded.settings, loaded.broker, "test".into(), Uuid([8; 16])),
            listeners,
            log_dirs: LogDirs::new(log_dirs.collect()),
            seed: 1,
            images: agreed,
            controller,
            cores: self.cores,
        });
        let (stop, stopping) = watch::channel(false);
        let cores = match self.allocations {
            None => Cores::start(&broker, &stopping),
            Some(count) => Cores::start_around(&broker, &stopping, move |run| {
                let made = allocation_counter::measure(run);
                count.fetch_add(made.count_total, Ordering::SeqCst);
            }),
        };
        let cores = Arc::new(cores.unwrap());
        let accepting = {
            let (broker, cores) = (Arc::clone(&broker), Arc::clone(&cores));
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(listeners::serve(opened, broker, cores, stopping));
            })
        };
        let threads = Some((cores, accepting));
        Node { broker, address, image: Image::new(), stop, threads, _images: images }
    }
}

impl Node {
    pub fn start(folder: &Path) -> Node {
        Setup::new(folder).start()
    }

    /// Makes a topic whose partitions this broker leads.
    pub fn create_topic(&mut self, name: &str, partitions: i32, settings: &[(&str, &str)]) -> Uuid {
        let alone = PartitionRecord { replicas: vec![1], isr: vec![1], leader: 1, ..Default::default() };
        self.create_topic_of(name, partitions, settings, &alone)
    }

    /// Makes a topic whose partitions are as `shown`.
    pub fn create_topic_of(
        &mut self,
        name: &str,
        partitions: i32,
        settings: &[(&str, &str)],
        shown: &PartitionRecord,
    ) -> Uuid {
        let mut bytes = [0; 16];
        bytes[0] = 1;
        bytes[8..].copy_from_slice(&(self.image.topics.len() as u64 + 1).to_be_bytes());
        let topic_id = Uuid(bytes);
        let mut apply = |record: &MetadataRecord<'_>| {
            self.image.apply(record, self.image.applied_offset + 1).unwrap();
        };
        apply(&MetadataRecord::Topic(TopicRecord { name: name.into(), topic_id }));
        for (key, value) in settings {
            apply(&MetadataRecord::Config(ConfigRecord {
                resource_type: TOPIC,
                resource_name: name.into(),
                name: (*key).into(),
                value: Some((*value).into()),
            }));
        }
        for partition_id in 0..partitions {
            apply(&MetadataRecord::Partition(PartitionRecord { partition_id, topic_id, ..shown.clone() }));
        }
        metadata_view::apply(&self.broker, &Arc::new(self.image.clone()));
        topic_id
    }

    /// Sets a setting of a topic, of this broker (`1`) or of all brokers (no name).
    pub fn configure(&mut self, resource_type: i8, resource: &str, key: &str, value: Option<&str>) {
        let record = MetadataRecord::Config(ConfigRecord {
            resource_type,
            resource_name: resource.into(),
            name: key.into(),
            value: value.map(Into::into),
        });
        self.image.apply(&record, self.image.applied_offset + 1).unwrap();
        metadata_view::apply(&self.broker, &Arc::new(self.image.clone()));
    }

    /// Sets a quota of users, client ids or addresses (`None` for the default of all), or removes it.
    pub fn set_quota(&mut self, entity: &[(&str, Option<&str>)], key: &str, value: Option<f64>) {
        let part = |(kind, name): &(&str, Option<&str>)| EntityData {
            entity_type: (*kind).to_owned().into(),
            entity_name: name.map(|name| name.to_owned().into()),
        };
        let record = MetadataRecord::ClientQuota(ClientQuotaRecord {
            entity: entity.iter().map(part).collect(),
            key: key.into(),
            value: value.unwrap_or_default(),
            remove: value.is_none(),
        });
        self.image.apply(&record, self.image.applied_offset + 1).unwrap();
        metadata_view::apply(&self.broker, &Arc::new(self.image.clone()));
    }

    pub fn delete_topic(&mut self, topic_id: Uuid) {
        let record = MetadataRecord::RemoveTopic(RemoveTopicRecord { topic_id });
        self.image.apply(&record, self.image.applied_offset + 1).unwrap();
        metadata_view::apply(&self.broker, &Arc::new(self.image.clone()));
    }

    /// What a turn of the housekeeping does for partitions that have begun.
    pub fn make_folders(&self) {
        housekeeping::make_folders(&self.broker);
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    pub fn counts(&self) -> DataPathCounts {
        self.broker.data_path_counts()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some((cores, accepting)) = self.threads.take() {
            let accepted = accepting.join();
            Arc::into_inner(cores).expect("nobody else holds the cores").join();
            if !std::thread::panicking() {
                accepted.unwrap();
            }
        }
    }
}
