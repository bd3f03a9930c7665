//! Topics of a measurement: created and ready to take records, or deleted with their files.

use std::time::{Duration, Instant};

use crate::encoded;
use crate::process::Server;

/// How long a server may take to lead a new topic.
const READY_MAX: Duration = Duration::from_secs(30);
/// How long the files of a deleted topic may stay: the delay in the settings and some slack.
const FILES_GONE: Duration = Duration::from_secs(3);

/// Creates a topic of one partition and waits until it takes records; one that exists already fails.
pub fn create(server: &Server, name: &str) -> Result<(), String> {
    let deadline = Instant::now() + READY_MAX;
    let mut client = server.connect()?;
    let failed = |error: String| format!("{} did not create {name}: {error}", server.product);
    loop {
        // A broker that has only just started may not be known to its controller yet.
        let error_code = encoded::created(client.call(&encoded::create_topic(name, 1))?)?;
        if error_code.is_none() {
            break;
        }
        if Instant::now() > deadline {
            return Err(failed(error_code.to_string()));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let probe = encoded::produce(name, -1, &encoded::batch(1, 1));
    while let Err(error) = encoded::produced_offset(client.call(&probe)?) {
        if Instant::now() > deadline {
            return Err(failed(error));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Deletes a topic and waits until its files are gone.
pub fn delete(server: &Server, name: &str) -> Result<(), String> {
    let error_code = encoded::deleted(server.connect()?.call(&encoded::delete_topic(name))?)?;
    if !error_code.is_none() {
        return Err(format!("{} did not delete {name}: {error_code}", server.product));
    }
    std::thread::sleep(FILES_GONE);
    Ok(())
}
