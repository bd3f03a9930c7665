//! A client among servers that are gone, silent, or send it away.

use std::net::SocketAddr;

use config::ClientKind;
use protocol::messages::api_versions_response::ApiVersion;
use protocol::messages::metadata_response::MetadataResponseBroker;
use protocol::messages::{ApiVersionsResponse, MetadataResponse};
use protocol::{ApiKey, Writer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// What a server does with a question for the brokers.
#[derive(Debug, Clone, Copy)]
enum Does {
    /// It tells of one broker there.
    Tells(SocketAddr),
    /// It asks the client to begin anew.
    Sends,
    /// It says nothing.
    Nothing,
}

/// A server that knows ApiVersions and Metadata alone, each in one version.
async fn server(does: impl Fn(SocketAddr) -> Does) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let does = does(address);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, does));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, does: Does) -> std::io::Result<()> {
    loop {
        let mut request = vec![0; usize::try_from(stream.read_i32().await?).unwrap()];
        stream.read_exact(&mut request).await?;
        let key = i16::from_be_bytes([request[0], request[1]]);
        let mut answer = Writer::new();
        let frame = answer.begin_frame();
        answer.raw(&request[4..8]);
        if key == ApiKey::ApiVersions.key() {
            let versions = [(ApiKey::ApiVersions, 4), (ApiKey::Metadata, 13)].map(|(api, version)| {
                ApiVersion { api_key: api.key(), min_version: version, max_version: version }
            });
            ApiVersionsResponse { api_keys: versions.to_vec(), ..Default::default() }
                .encode(&mut answer, 4)
                .unwrap();
        } else {
            answer.raw(&[0]);
            metadata(does).encode(&mut answer, 13).unwrap();
        }
        answer.end_frame(frame, 0).unwrap();
        if key == ApiKey::ApiVersions.key() || !matches!(does, Does::Nothing) {
            stream.write_all(&answer.into_vec()).await?;
        }
    }
}

fn metadata(does: Does) -> MetadataResponse<'static> {
    let empty = MetadataResponse::default();
    match does {
        Does::Tells(address) => {
            let broker = MetadataResponseBroker {
                node_id: 1,
                host: address.ip().to_string().into(),
                port: address.port().into(),
                ..Default::default()
            };
            MetadataResponse { brokers: vec![broker], ..empty }
        }
        Does::Sends => MetadataResponse { error_code: ErrorCode::REBOOTSTRAP_REQUIRED, ..empty },
        Does::Nothing => empty,
    }
}

/// A cluster whose first server has told of a broker at `first`; what is asked next goes there.
async fn told_of(first: SocketAddr, then: SocketAddr, written: &[(&str, &str)]) -> (Cluster, Deadline) {
    let (seed, later) = (server(|_| Does::Tells(first)).await, server(|_| Does::Tells(then)).await);
    let mut settings = vec![("bootstrap.servers".to_owned(), seed.to_string())];
    let own = [("request.timeout.ms", "200"), ("retry.backoff.ms", "1"), ("reconnect.backoff.ms", "1000")];
    settings.extend(own.iter().chain(written).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    let written = settings.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let settings = ClientSettings::read(ClientKind::Admin, written).unwrap();
    let mut cluster = Cluster::new(&settings, "test", "test".to_owned()).unwrap();
    let deadline = Deadline::after("test", std::time::Duration::from_secs(5));
    assert_eq!(cluster.refresh(deadline).await.unwrap().nodes[0].address.port, first.port());
    // The seed's connection would be the best; it is gone, and another server has taken its place.
    let seeds = vec![Peer::new(-1, HostPort { host: later.ip().to_string(), port: later.port() })];
    let Shared { name, link, reconnect, retry, recovery, known, .. } =
        Arc::into_inner(cluster.shared).unwrap();
    cluster.shared = Arc::new(Shared { name, link, reconnect, retry, recovery, seeds, known });
    (cluster, deadline)
}

/// Where nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

async fn port_told(cluster: &Cluster, deadline: Deadline) -> Result<u16, Error> {
    Ok(cluster.refresh(deadline).await?.nodes[0].address.port)
}

#[tokio::test]
async fn brokers_that_cannot_be_reached_are_looked_for_by_the_first_servers() {
    let (gone, there) = (nobody().await, server(Does::Tells).await);
    let (cluster, deadline) = told_of(gone, there, &[]).await;
    assert_eq!(port_told(&cluster, deadline).await.unwrap(), there.port());
    let (cluster, _) = told_of(gone, there, &[("metadata.recovery.strategy", "none")]).await;
    let short = Deadline::after("test", std::time::Duration::from_millis(500));
    assert!(matches!(port_told(&cluster, short).await, Err(Error::Timeout(_))));
}

#[tokio::test]
async fn a_broker_can_send_the_client_back_to_the_first_servers() {
    let (sends, there) = (server(|_| Does::Sends).await, server(Does::Tells).await);
    let (cluster, deadline) = told_of(sends, there, &[]).await;
    assert_eq!(port_told(&cluster, deadline).await.unwrap(), there.port());
}

#[tokio::test]
async fn brokers_that_are_silent_for_too_long_are_given_up() {
    let (silent, there) = (server(|_| Does::Nothing).await, server(Does::Tells).await);
    let trigger = "metadata.recovery.rebootstrap.trigger.ms";
    let (cluster, deadline) = told_of(silent, there, &[(trigger, "300")]).await;
    assert_eq!(port_told(&cluster, deadline).await.unwrap(), there.port());
}
