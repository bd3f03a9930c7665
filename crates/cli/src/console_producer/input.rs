//! Lines of standard input, read beside what else is to be done.

use std::io::{self, Read};

use tokio::sync::mpsc;

/// Bytes read at a time.
const CHUNK: usize = 64 << 10;
/// Chunks that may wait.
const AHEAD: usize = 4;

/// Lines as Java reads them: they end with a line feed, a carriage return, or both.
pub(super) struct Input {
    chunks: mpsc::Receiver<io::Result<Vec<u8>>>,
    buffer: Vec<u8>,
    /// Where the next line begins in the buffer.
    start: usize,
    /// How far the buffer was searched for the end of a line.
    searched: usize,
    /// The line before ended with a carriage return: a line feed right after it belongs to that end.
    after_return: bool,
    has_ended: bool,
}

impl Input {
    /// Reads standard input on a thread of its own, which the end of the process ends.
    pub(super) fn of_stdin() -> Input {
        let (sender, chunks) = mpsc::channel(AHEAD);
        std::thread::spawn(move || {
            let mut stdin = io::stdin().lock();
            loop {
                let mut chunk = vec![0; CHUNK];
                let read = match stdin.read(&mut chunk) {
                    Ok(0) => return,
                    Ok(count) => {
                        chunk.truncate(count);
                        Ok(chunk)
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let is_over = read.is_err();
                if sender.blocking_send(read).is_err() || is_over {
                    return;
                }
            }
        });
        Input::of(chunks)
    }

    fn of(chunks: mpsc::Receiver<io::Result<Vec<u8>>>) -> Input {
        Input { chunks, buffer: Vec::new(), start: 0, searched: 0, after_return: false, has_ended: false }
    }

    /// The next line without its end; what is no UTF-8 is replaced, as Java does. `None` at the end. A call that is given up
    /// loses nothing.
    pub(super) async fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if self.after_return && self.start < self.buffer.len() {
                self.after_return = false;
                if self.buffer.get(self.start) == Some(&b'\n') {
                    self.start += 1;
                    self.searched = self.searched.max(self.start);
                }
            }
            let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(place) = unsearched.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
                let end = self.searched + place;
                self.after_return = self.buffer.get(end) == Some(&b'\r');
                return Ok(Some(self.take(end, end + 1)));
            }
            self.searched = self.buffer.len();
            if self.has_ended {
                let is_empty = self.start >= self.buffer.len();
                return Ok(if is_empty {
                    None
                } else {
                    Some(self.take(self.buffer.len(), self.buffer.len()))
                });
            }
            match self.chunks.recv().await {
                Some(chunk) => {
                    self.buffer.drain(..self.start);
                    self.searched -= self.start;
                    self.start = 0;
                    self.buffer.extend_from_slice(&chunk?);
                }
                None => self.has_ended = true,
            }
        }
    }

    fn take(&mut self, end: usize, next: usize) -> String {
        let line = self.buffer.get(self.start..end).unwrap_or_default();
        let line = String::from_utf8_lossy(line).into_owned();
        self.start = next;
        self.searched = next;
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (sender, taken) = mpsc::channel(100);
            for chunk in chunks {
                sender.send(Ok(chunk.to_vec())).await.unwrap();
            }
            drop(sender);
            let mut input = Input::of(taken);
            let mut lines = Vec::new();
            while let Some(line) = input.line().await.unwrap() {
                lines.push(line);
            }
            lines
        })
    }

    #[test]
    fn lines_end_as_java_ends_them() {
        assert_eq!(lines(&[b"a\nb\r\nc\rd"]), ["a", "b", "c", "d"]);
        assert_eq!(lines(&[b"a\r", b"\nb\n\n"]), ["a", "b", ""]);
        assert_eq!(lines(&[b"long ", b"line", b"\n"]), ["long line"]);
        assert_eq!(lines(&[b"\xff\n"]), ["\u{fffd}"]);
        assert!(lines(&[]).is_empty());
    }
}
