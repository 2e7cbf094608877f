//! Lines to a place that may not be read, written by a thread of their own.
//!
//! Whoever has one hands it over without waiting. Where the place takes them too slowly, lines are dropped and counted: a
//! blocked pipe never blocks a request.

use arc_swap::ArcSwap;
use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, Instant},
};
use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait for the writer.
const QUEUE: usize = 8192;

/// Lines are written together, up to this many bytes.
const BATCH: usize = 64 * 1024;

/// For how long a first line waits for others. Without that, each line of a busy node would wake the writer.
const GATHER: Duration = Duration::from_millis(5);

/// Lines handed over and not written yet, of all logs.
static WAITING: AtomicU64 = AtomicU64::new(0);

/// A log: where its lines are handed over, and what it lost.
#[derive(Clone)]
pub(crate) struct Lines {
    thread: Arc<str>,
    queue: Arc<ArcSwap<SyncSender<Order>>>,
    dropped: Arc<AtomicU64>,
}

/// What the writing thread is told.
enum Order {
    Write(Vec<u8>),
    /// Lines from here on go there.
    Switch(Box<dyn Write + Send>),
}

impl Lines {
    /// Starts the writing thread.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(thread: &str, out: Box<dyn Write + Send>) -> io::Result<Self> {
        let dropped = Arc::<AtomicU64>::default();
        let queue = Arc::new(ArcSwap::from_pointee(begin(thread, out, dropped.clone())?));
        Ok(Self { thread: thread.into(), queue, dropped })
    }

    /// Hands a line over, its end included.
    pub(crate) fn hand_over(&self, line: Vec<u8>) {
        WAITING.fetch_add(1, Relaxed);
        if self.queue.load().try_send(Order::Write(line)).is_err() {
            WAITING.fetch_sub(1, Relaxed);
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Lines that found no place in the queue, or could not be written.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Has what is handed over from here on written there. A thread that does not come to it, as nobody reads what it
    /// writes, is left behind with what it has.
    ///
    /// # Errors
    /// Another thread cannot be started; lines go where they went.
    pub(crate) fn write_to(&self, out: Box<dyn Write + Send>) -> io::Result<()> {
        match self.queue.load().try_send(Order::Switch(out)) {
            Err(TrySendError::Full(Order::Switch(out)) | TrySendError::Disconnected(Order::Switch(out))) => {
                self.queue.store(Arc::new(begin(&self.thread, out, self.dropped.clone())?));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Starts a writing thread.
fn begin(thread: &str, out: Box<dyn Write + Send>, lost: Arc<AtomicU64>) -> io::Result<SyncSender<Order>> {
    let (queue, orders) = sync_channel(QUEUE);
    std::thread::Builder::new().name(thread.to_owned()).spawn(move || write_lines(&orders, out, &lost))?;
    Ok(queue)
}

/// Waits until what was handed over so far is written, for a moment at most: the last lines of a process that ends.
pub(crate) fn flush() {
    let patience = Instant::now() + Duration::from_millis(500);
    while WAITING.load(Relaxed) > 0 && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn write_lines(orders: &Receiver<Order>, mut out: Box<dyn Write + Send>, lost: &AtomicU64) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut lines = 0;
    let mut next = first(orders);
    while let Some(order) = next {
        let switch = match order {
            Order::Write(line) => {
                batch.extend_from_slice(&line);
                lines += 1;
                None
            }
            Order::Switch(out) => Some(out),
        };
        next = if switch.is_none() && batch.len() < BATCH { orders.try_recv().ok() } else { None };
        if next.is_none() {
            // A full disk or a closed pipe loses lines, not requests; the next batch tries again.
            if out.write_all(&batch).and_then(|()| out.flush()).is_err() {
                lost.fetch_add(lines, Relaxed);
            }
            batch.clear();
            WAITING.fetch_sub(lines, Relaxed);
            lines = 0;
            out = switch.unwrap_or(out);
            next = first(orders);
        }
    }
}

/// The first of a batch, once the others of it have come; those that wait already are taken as they are.
fn first(orders: &Receiver<Order>) -> Option<Order> {
    if let Ok(order) = orders.try_recv() {
        return Some(order);
    }
    let first = orders.recv().ok()?;
    std::thread::sleep(GATHER);
    Some(first)
}

/// `tracing`'s formatter writes an event at once.
impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.hand_over(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'l> MakeWriter<'l> for Lines {
    type Writer = &'l Self;

    fn make_writer(&'l self) -> Self::Writer {
        self
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// Counts what is written.
    struct Counted(Arc<AtomicU64>);

    impl Write for Counted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.fetch_add(bytes.len() as u64, Relaxed);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_queue_of_long_lines_is_written_before_the_process_ends() {
        let written = Arc::<AtomicU64>::default();
        let lines = Lines::start("test-long", Box::new(Counted(written.clone()))).unwrap();
        let (count, line) = (6000, vec![b'x'; 8192]);
        (0..count).for_each(|_| lines.hand_over(line.clone()));
        flush();
        assert_eq!((written.load(Relaxed), lines.dropped()), (count * 8192, 0));
    }
}
