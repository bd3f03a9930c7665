//! The cluster as this broker sees it, and the partitions that follow from it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use metadata::Image;
use model::Offset;
use tokio::sync::watch;

use crate::broker::Broker;
use crate::coordinators;
use crate::dynamic_settings;
use crate::partitions::{self, Recovered};

/// The newest image this broker has applied.
#[derive(Debug)]
pub struct MetadataView {
    image: ArcSwap<Image>,
    agreed: watch::Receiver<Arc<Image>>,
    applied: watch::Sender<Offset>,
}

impl MetadataView {
    /// A view that follows `agreed`.
    pub fn new(agreed: watch::Receiver<Arc<Image>>) -> MetadataView {
        let (applied, _) = watch::channel(-1);
        MetadataView { image: ArcSwap::from_pointee(Image::new()), agreed, applied }
    }

    /// The image that requests are answered from.
    pub fn image(&self) -> Arc<Image> {
        self.image.load_full()
    }

    /// Returns once this broker has applied everything that was agreed when it was called.
    pub async fn caught_up(&self) {
        let wanted = self.agreed.borrow().applied_offset;
        // An error means the broker has stopped; nobody will see the effect any more.
        let _ = self.applied.subscribe().wait_for(|applied| *applied >= wanted).await;
    }
}

/// Applies images until the quorum ends: partitions first, so that whoever sees a topic can use it.
pub async fn follow(broker: Arc<Broker>) {
    let mut agreed = broker.metadata.agreed.clone();
    agreed.mark_changed();
    while agreed.changed().await.is_ok() {
        let image = Arc::clone(&agreed.borrow_and_update());
        let applying = Arc::clone(&broker);
        // Making folders and opening logs is disk work.
        let applied = tokio::task::spawn_blocking(move || apply(&applying, &image)).await;
        if let Err(error) = applied {
            tracing::error!(%error, "an image could not be applied; the broker goes on with the one before");
        }
    }
}

/// Applies one image; the first one must hold every partition that was agreed on before the broker started.
pub fn apply(broker: &Arc<Broker>, image: &Arc<Image>) {
    let mut recovered = Recovered::default();
    if broker.log_dirs.begin_recovery() {
        match partitions::recover(broker, image) {
            Ok(found) => recovered = found,
            Err(reason) => return broker.log_dirs.end(reason),
        }
    }
    let before = broker.metadata.image();
    if before.configs != image.configs {
        dynamic_settings::apply(broker, image);
    }
    if before.quotas != image.quotas {
        broker.quotas.follow(&image.quotas);
    }
    partitions::apply_image(broker, &before, image, &mut recovered);
    let offset = image.applied_offset;
    broker.metadata.image.store(Arc::clone(image));
    coordinators::follow(broker, &before, image);
    broker.log_dirs.tell_misplaced();
    broker.metadata.applied.send_replace(offset);
}
