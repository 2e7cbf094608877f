//! The access log: one JSON line a request.
//!
//! A request is a `tracing` event under [`TARGET`]; [`AccessLayer`] turns its fields into a line on the serving thread,
//! straight into one buffer, and hands it over without waiting.

use super::lines::Lines;
use std::{
    fmt::{self, Write as _},
    time::SystemTime,
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

/// Turns access events into lines.
pub(crate) struct AccessLayer(pub(crate) Lines);

impl<S: Subscriber> Layer<S> for AccessLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let mut line = Line::begin();
        event.record(&mut line);
        self.0.hand_over(line.end());
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
    use std::{io::Write, sync::mpsc};
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
        let layer = AccessLayer(Lines::start("test-log", Box::new(Capture(sender))).unwrap());
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
