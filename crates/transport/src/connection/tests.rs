//! A connection against a plain TCP client.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::connection_limits::{ConnectionBounds, ConnectionLimits};

async fn pair(budget: &Arc<MemoryBudget>) -> (TcpStream, Connection) {
    pair_taking(1 << 20, budget).await
}

async fn pair_taking(frame_size_max: usize, budget: &Arc<MemoryBudget>) -> (TcpStream, Connection) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    let limits = ConnectionLimits::new(ConnectionBounds::default());
    let options = ConnectionOptions {
        frame_size_max,
        budget: Arc::clone(budget),
        stall_max: Duration::from_millis(30),
        counters: Arc::default(),
    };
    let pool = Rc::new(BufferPool::new(1 << 22));
    let permit = limits.admit("PLAINTEXT", peer.ip()).unwrap();
    (client, Connection::new(stream, pool, Rc::default(), options, permit).unwrap())
}

fn budget(bytes_max: usize) -> Arc<MemoryBudget> {
    MemoryBudget::new(bytes_max, "queued.max.request.bytes")
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as i32).to_be_bytes()[..], body].concat()
}

#[tokio::test]
async fn frames_come_in_and_answers_go_out() {
    let (mut client, mut connection) = pair(&budget(1 << 20)).await;
    client.write_all(&[framed(b"one"), framed(b"two")].concat()).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 2 {
        connection.fill().await.unwrap();
        while let Some(frame) = connection.next_frame().unwrap() {
            let (bytes, outbound) = connection.frame(frame);
            seen.push(bytes.to_vec());
            outbound.buffer().extend_from_slice(bytes);
        }
    }
    connection.flush().await.unwrap();
    assert_eq!(seen, [b"one", b"two"]);
    let mut answer = [0; 6];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"onetwo");
    assert!(connection.is_flushed());
}

#[tokio::test]
async fn a_large_frame_takes_its_room_from_the_budget_and_gives_it_back() {
    let budget = budget(1 << 20);
    let (mut client, mut connection) = pair(&budget).await;
    let body: Vec<u8> = (0..700_000u32).map(|at| at as u8).collect();
    let message = framed(&body);
    let writer = tokio::spawn(async move {
        client.write_all(&message).await.unwrap();
        client
    });
    let frame = loop {
        connection.fill().await.unwrap();
        if let Some(frame) = connection.next_frame().unwrap() {
            break frame;
        }
    };
    assert!(budget.reserved_bytes() >= 700_000);
    assert!(connection.frame(frame).0 == body);
    let mut client = writer.await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(connection.fill().await.unwrap(), 0);
    drop(connection);
    assert_eq!(budget.reserved_bytes(), 0);
}

#[tokio::test]
async fn an_oversized_frame_is_refused_before_any_room_is_made() {
    let budget = budget(1 << 20);
    let (mut client, mut connection) = pair(&budget).await;
    client.write_all(&i32::MAX.to_be_bytes()).await.unwrap();
    connection.fill().await.unwrap();
    assert!(connection.next_frame().is_err());
    assert_eq!(budget.reserved_bytes(), 0);
}

#[tokio::test]
async fn room_for_a_giant_frame_grows_as_it_comes() {
    let budget = budget(256 << 20);
    let (mut client, mut connection) = pair_taking(100 << 20, &budget).await;
    let body: Vec<u8> = (0..40_000_000u32).map(|at| (at / 7) as u8).collect();
    let message = framed(&body);
    client.write_all(&message[..1000]).await.unwrap();
    while connection.inbound.len() < 1000 {
        connection.fill().await.unwrap();
    }
    // The size is known and another read needs room.
    assert!(tokio::time::timeout(Duration::from_millis(20), connection.fill()).await.is_err());
    assert!(budget.reserved_bytes() <= 8 << 20, "{} for a size alone", budget.reserved_bytes());
    let writer = tokio::spawn(async move {
        client.write_all(&message[1000..]).await.unwrap();
        client
    });
    let frame = loop {
        connection.fill().await.unwrap();
        if let Some(frame) = connection.next_frame().unwrap() {
            break frame;
        }
        assert!(budget.reserved_bytes() <= (8 << 20).max(4 * connection.inbound.len()));
    };
    assert!(connection.frame(frame).0 == body);
    writer.await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_holds_no_buffers() {
    let (mut client, mut connection) = pair(&budget(1 << 20)).await;
    client.write_all(&framed(b"x")).await.unwrap();
    connection.fill().await.unwrap();
    let frame = connection.next_frame().unwrap().unwrap();
    connection.frame(frame).1.buffer().push(1);
    connection.flush().await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(20), connection.fill());
    assert!(waiting.await.is_err());
    assert_eq!(connection.inbound.capacity(), 0);
    assert!(connection.outbound.needs_buffer());
}

#[tokio::test]
async fn answers_that_are_not_taken_count_against_the_budget() {
    let budget = budget(64 << 20);
    let (mut client, mut connection) = pair(&budget).await;
    connection.outbound().buffer().resize(16 << 20, 7);
    assert!(!connection.try_flush().unwrap());
    assert!(budget.reserved_bytes() >= 16 << 20);
    let reader = tokio::spawn(async move {
        let mut answer = vec![0; 16 << 20];
        client.read_exact(&mut answer).await.unwrap();
        client
    });
    connection.flush().await.unwrap();
    assert_eq!(budget.reserved_bytes(), 0);
    reader.await.unwrap();
}

#[tokio::test]
async fn bulk_goes_out_in_steps_with_looks_at_the_sockets_between() {
    let (mut client, mut connection) = pair(&budget(64 << 20)).await;
    connection.outbound().buffer().resize(4 << 20, 7);
    assert!(!connection.try_flush().unwrap());
    assert_eq!(connection.outbound.waiting_bytes(), 4 << 20, "bulk waits for its turn");
    assert_eq!(connection.progress(true).await.unwrap(), None);
    let waiting = connection.outbound.waiting_bytes();
    assert!(((4 << 20) - SENT_PER_TURN..4 << 20).contains(&waiting), "{waiting}");
    let reader = tokio::spawn(async move {
        let mut answer = vec![0; 4 << 20];
        client.read_exact(&mut answer).await.unwrap();
        client
    });
    connection.flush().await.unwrap();
    reader.await.unwrap();
    connection.close().await;
}

#[tokio::test]
async fn nothing_is_read_while_the_budget_is_used_up() {
    let budget = budget(1 << 20);
    let (mut client, mut connection) = pair(&budget).await;
    let held = budget.reserve_taken(1 << 20);
    client.write_all(&framed(b"x")).await.unwrap();
    let wait = tokio::time::timeout(Duration::from_millis(50), connection.fill());
    assert!(wait.await.is_err());
    assert_eq!(connection.options.counters.counts().reads, 0);
    drop(held);
    assert_eq!(connection.fill().await.unwrap(), 5);
}

#[tokio::test]
async fn a_client_that_stands_still_gives_way_to_those_who_wait_for_its_memory() {
    let budget = budget(1 << 20);
    let (mut client, mut connection) = pair(&budget).await;
    let mut half = framed(&vec![1; 900_000]);
    half.truncate(200_000);
    client.write_all(&half).await.unwrap();
    let mut stalled = Box::pin(async move {
        loop {
            if let Err(error) = connection.fill().await {
                break error.to_string();
            }
        }
    });
    // Alone it may take its time.
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut stalled).await.is_err());
    let waiter = tokio::spawn({
        let budget = Arc::clone(&budget);
        async move { drop(budget.reserve(1 << 20).await) }
    });
    let message = stalled.as_mut().await;
    drop(stalled);
    assert!(message.contains("queued.max.request.bytes"), "{message}");
    waiter.await.unwrap();
    assert_eq!(budget.reserved_bytes(), 0);
}
