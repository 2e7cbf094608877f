//! What an origin may be told to do with a request.

use super::{Caller, Seen, wire::ResetFlag};
use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::Frame;
use serde_json::json;
use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::watch;

pub(super) type Body = BoxBody<Bytes, io::Error>;

/// What an origin does with a request.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// Describes the request in JSON: `method`, `target`, `host`, `protocol`, `body`.
    Echo,
    /// Answers this.
    Answer {
        /// The status.
        status: u16,
        /// The fields.
        fields: Vec<(String, String)>,
        /// The body.
        body: Bytes,
    },
    /// Describes the request once the gate is open.
    Held(Gate),
    /// Begins an answer of this media type, and sends a part of it each time the pause is over, for ever.
    Dripping(&'static str, Duration),
    /// Describes requests that this caller has signed; others are forbidden, as at a stage with IAM authorization.
    Guarded(Caller),
    /// Never answers.
    Silent,
    /// Closes the connection without an answer.
    HangUp,
    /// Resets the connection without an answer.
    Reset,
    /// Describes the first request of each connection, and resets the connection at every later one.
    ResetOnceUsed,
    /// Describes the first request of each connection, and closes the connection at every later one.
    HangUpOnceUsed,
    /// Promises a body by length, and closes in the middle of it.
    CutShort,
    /// Begins a chunked body, and closes in the middle of it.
    CutShortChunked,
    /// Sends each part as a chunk of its own.
    Streamed(Vec<Bytes>),
    /// Sends a gRPC message back, with its status in trailers.
    Grpc,
}

impl Behaviour {
    /// Answers this status with these fields and this body.
    #[must_use]
    pub fn answer(status: u16, fields: &[(&str, &str)], body: impl Into<Bytes>) -> Self {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::Answer { status, fields, body: body.into() }
    }

    pub(super) async fn act(self, seen: &Seen, reset: &ResetFlag) -> Result<Response<Body>, ()> {
        match self {
            Self::Echo => Ok(echo(seen)),
            Self::Answer { status, fields, body } => {
                let mut builder = Response::builder().status(status);
                for (name, value) in fields {
                    builder = builder.header(name, value);
                }
                Ok(builder.body(whole(body)).unwrap())
            }
            Self::Held(gate) => {
                gate.opened().await;
                Ok(echo(seen))
            }
            Self::Grpc => {
                let trailers = http::HeaderMap::from_iter([(
                    http::HeaderName::from_static("grpc-status"),
                    http::HeaderValue::from_static("0"),
                )]);
                let body = whole(seen.body.clone()).with_trailers(std::future::ready(Some(Ok(trailers)))).boxed();
                Ok(Response::builder().header("content-type", "application/grpc").body(body).unwrap())
            }
            Self::Dripping(kind, pause) => {
                let mut ticks = tokio::time::interval(pause);
                ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                Ok(Response::builder().header("content-type", kind).body(Drops(ticks).boxed()).unwrap())
            }
            Self::Guarded(caller) => Ok(match caller.objection(seen) {
                None => echo(seen),
                Some(objection) => {
                    eprintln!("{objection}");
                    forbidden()
                }
            }),
            Self::Silent => std::future::pending().await,
            Self::ResetOnceUsed | Self::HangUpOnceUsed if seen.turn == 1 => Ok(echo(seen)),
            Self::HangUp | Self::HangUpOnceUsed => Err(()),
            Self::Reset | Self::ResetOnceUsed => {
                reset.set();
                Err(())
            }
            Self::CutShort => Ok(Response::builder().header("content-length", "1000").body(cut()).unwrap()),
            Self::CutShortChunked => Ok(Response::new(cut())),
            Self::Streamed(parts) => Ok(Response::new(parts_of(parts.into_iter().map(Ok).collect()))),
        }
    }
}

fn echo(seen: &Seen) -> Response<Body> {
    let text = json!({
        "method": seen.method,
        "target": seen.target,
        "host": seen.host,
        "protocol": seen.protocol,
        "body": String::from_utf8_lossy(&seen.body),
    });
    Response::builder().header("content-type", "application/json").body(whole(text.to_string())).unwrap()
}

/// What API Gateway says to whom it does not know.
pub(super) fn forbidden() -> Response<Body> {
    let text = json!({"message": "Forbidden"}).to_string();
    Response::builder()
        .status(403)
        .header("content-type", "application/json")
        .header("x-amzn-errortype", "ForbiddenException")
        .body(whole(text))
        .unwrap()
}

fn whole(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never| match never {}).boxed()
}

/// A body that begins and never ends as it should.
fn cut() -> Body {
    parts_of(vec![Ok(Bytes::from_static(b"the beginning")), Err(io::Error::other("told to stop"))])
}

fn parts_of(parts: Vec<io::Result<Bytes>>) -> Body {
    Parts { left: parts.into(), sent: false }.boxed()
}

/// A body in parts, each of which leaves before the next one comes.
struct Parts {
    left: VecDeque<io::Result<Bytes>>,
    sent: bool,
}

impl hyper::body::Body for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        // The server flushes while it has to wait.
        if std::mem::take(&mut self.sent) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.sent = true;
        Poll::Ready(self.left.pop_front().map(|part| part.map(Frame::data)))
    }
}

/// A body that goes on, bit by bit.
struct Drops(tokio::time::Interval);

impl hyper::body::Body for Drops {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_tick(cx).map(|_| Some(Ok(Frame::data(Bytes::from_static(b"data: drop\n\n")))))
    }
}

/// A door that a test opens.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A closed one.
    #[must_use]
    pub fn closed() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Opens it, for all who wait and all who come.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    async fn opened(&self) {
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}
