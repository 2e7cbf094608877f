//! The access log: one JSON line a request, written by a thread of its own.
//!
//! A request is a `tracing` event under [`TARGET`]; [`AccessLayer`] turns its fields into a line on the serving thread,
//! straight into one buffer, and hands it over without waiting. Where the log is not read fast enough, lines are
//! dropped and counted: a blocked pipe never blocks a request.

use std::{
    fmt::{self, Write as _},
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::{Duration, Instant, SystemTime},
};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};
use verge_carry::write_json_string;
use verge_router::lifecycle::rfc3339;

/// The target of access events.
pub(crate) const TARGET: &str = "verge::access";

/// Lines that may wait for the writer.
const QUEUE: usize = 8192;

/// Turns access events into lines.
pub(crate) struct AccessLayer {
    queue: SyncSender<Order>,
    log: AccessLog,
}

/// What the writing thread is told.
enum Order {
    Write(Vec<u8>),
    /// Lines from here on go there.
    Switch(Box<dyn Write + Send>),
}

/// The log from outside: where it goes, and what it lost.
#[derive(Clone)]
pub(crate) struct AccessLog {
    queue: SyncSender<Order>,
    dropped: Arc<AtomicU64>,
}

impl AccessLog {
    /// Lines that found no place in the queue.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Has what is logged from here on written there; `false` where the log is so far behind that it cannot be told.
    pub(crate) fn write_to(&self, out: Box<dyn Write + Send>) -> bool {
        self.queue.try_send(Order::Switch(out)).is_ok()
    }
}

impl AccessLayer {
    /// Starts the writing thread.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(out: Box<dyn Write + Send>) -> std::io::Result<(Self, AccessLog)> {
        let (queue, orders) = sync_channel(QUEUE);
        std::thread::Builder::new().name("verge-log".into()).spawn(move || write_lines(&orders, out))?;
        let log = AccessLog { queue: queue.clone(), dropped: Arc::default() };
        Ok((Self { queue, log: log.clone() }, log))
    }
}

/// Waits until what was logged so far is written, for a moment at most: the last lines of a process that ends.
pub(crate) fn flush() {
    let patience = Instant::now() + Duration::from_millis(500);
    while WAITING.load(Relaxed) > 0 && Instant::now() < patience {
        std::thread::yield_now();
    }
}

/// Lines handed over and not written yet.
static WAITING: AtomicU64 = AtomicU64::new(0);

/// Lines are written together, up to this many bytes.
const BATCH: usize = 64 * 1024;

fn write_lines(orders: &Receiver<Order>, mut out: Box<dyn Write + Send>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut lines = 0;
    let mut next = orders.recv().ok();
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
            let _ = out.write_all(&batch).and_then(|()| out.flush());
            batch.clear();
            WAITING.fetch_sub(lines, Relaxed);
            lines = 0;
            out = switch.unwrap_or(out);
            next = orders.recv().ok();
        }
    }
}

impl<S: Subscriber> Layer<S> for AccessLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let mut line = Line::begin();
        event.record(&mut line);
        WAITING.fetch_add(1, Relaxed);
        if self.queue.try_send(Order::Write(line.end())).is_err() {
            WAITING.fetch_sub(1, Relaxed);
            self.log.dropped.fetch_add(1, Relaxed);
        }
    }
}

/// A JSON object in the making.
struct Line(String);

impl Line {
    fn begin() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut seconds = rfc3339(i64::try_from(now.as_secs()).unwrap_or(0));
        seconds.pop();
        let mut line = String::with_capacity(512);
        let _ = write!(line, "{{\"time\":\"{seconds}.{:03}Z\"", now.subsec_millis());
        Self(line)
    }

    fn key(&mut self, field: &Field) {
        self.0.push_str(",\"");
        self.0.push_str(field.name());
        self.0.push_str("\":");
    }

    fn end(mut self) -> Vec<u8> {
        self.0.push_str("}\n");
        self.0.into_bytes()
    }
}

impl Visit for Line {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.key(field);
        let _ = write!(self.0, "{value}");
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.key(field);
        let _ = write!(self.0, "{value}");
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.key(field);
        self.0.push_str(if value { "true" } else { "false" });
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.key(field);
        let _ = write!(self.0, "{value:.3}");
    }

    /// Empty text is left out: the field did not apply.
    fn record_str(&mut self, field: &Field, value: &str) {
        if !value.is_empty() {
            self.key(field);
            write_json_string(&mut self.0, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use tracing_subscriber::layer::SubscriberExt;

    struct Capture(mpsc::Sender<Vec<u8>>);
    impl Write for Capture {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.send(bytes.to_vec()).unwrap();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_json_whatever_the_client_sends() {
        let (sender, receiver) = mpsc::channel();
        let (layer, _) = AccessLayer::start(Box::new(Capture(sender))).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!(target: TARGET, path = "/a\"\\\r\n\u{1b}[31m\u{2028}", status = 200_u64, empty = "");
        });
        let line = String::from_utf8(receiver.recv().unwrap()).unwrap();
        assert_eq!(line.lines().count(), 1, "{line}");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["path"], "/a\"\\\r\n\u{1b}[31m\u{2028}");
        assert_eq!(value["status"], 200);
        assert_eq!(value.get("empty"), None);
    }
}
