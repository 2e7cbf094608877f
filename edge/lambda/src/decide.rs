//! An event's decision, carried out as far as CloudFront lets a function: origin, path, fields, or an answer of ours.

use crate::{
    dial::{Dialled, dial},
    edits::{self, write_changes},
    event::{Event, NoEvent},
    fields::Trigger,
    settings::Settings,
    way::{self, Cut, Way, Written},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use std::{
    fmt::Write as _,
    hash::{DefaultHasher, Hash, Hasher},
};
use verge_carry::{Loaded, Reply, edits::Recorded, head, identity};
use verge_router::{
    Edits, Forward, Hop, Moment, Reason, Request,
    rewrite::{API_VERSION, CDN_LOOP, OWN_NAME, VERGE_ARM, VERGE_VERSION},
    route,
    split::seal::VERGE_OVERRIDE,
};

/// `verge-key`: what a request asks for, in a form that a cache can tell requests apart by.
pub const VERGE_KEY: HeaderName = HeaderName::from_static("verge-key");
/// By which scheme the client came, where the distribution's policy asks CloudFront to say it.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("cloudfront-forwarded-proto");
/// The most that CloudFront takes for an answer in a viewer's event is 40 KB, fields and all.
const MOST_BEFORE_CACHE: usize = 32 * 1024;
/// What stands in `verge-key` for answers that have no version.
const NO_KEY: HeaderValue = HeaderValue::from_static("-");

/// Decides about an event, and writes what is to be done (`edge.mjs` reads it).
pub(crate) fn decide(bytes: &Bytes, settings: &Settings, held: Option<&Loaded>, out: &mut Vec<u8>) {
    match Event::read(bytes) {
        Ok(event) => Decision { settings, held, event: &event }.write(out),
        Err(no) => {
            let reason = match no {
                NoEvent::Malformed => Reason::BadRequest,
                NoEvent::Lines => Reason::Internal,
            };
            let id = bytes.split(|b| *b == b'\n').nth(3).and_then(|id| HeaderValue::from_bytes(id).ok());
            let id = id.unwrap_or(HeaderValue::from_static(""));
            write_reply(&Reply::to_reason(reason, reason.title(), &id), false, out);
        }
    }
}

struct Decision<'e> {
    settings: &'e Settings,
    held: Option<&'e Loaded>,
    event: &'e Event<'e>,
}

impl<'e> Decision<'e> {
    fn write(&self, out: &mut Vec<u8>) {
        if let Some(answer) = &self.event.answer {
            let mut edits = Recorded::over(answer.headers.clone());
            self.edit_answer(answer.way, &mut edits);
            out.push(b'e');
            write_changes(&edits, Trigger::OriginResponse, out);
            return;
        }
        let host = self.event.headers.get(header::HOST).map_or(Some(""), |host| host.to_str().ok());
        let request = host.map(|host| self.request(host, self.event.uri));
        let Some(request) = request.filter(head::is_sound) else {
            return self.reply(&Reply::to_reason(Reason::BadRequest, Reason::BadRequest.title(), &self.event.id), out);
        };
        let Some(held) = self.held else {
            return self.reply(&Reply::to_no_table(&self.event.id), out);
        };
        match route(&request, &held.table, &self.moment(held, self.event.now), &mut ()) {
            Ok(forward) if self.event.trigger == Trigger::ViewerRequest => name_key(&forward, out),
            Ok(forward) => match dial(&forward, self.settings) {
                Ok(dialled) => self.send(&forward, &request, &dialled, out),
                Err(detail) => {
                    let reason = Reason::OriginUnreachable;
                    let status = forward.api().status(reason).unwrap_or(reason.default_status());
                    let fields = forward.fault_fields(reason, &request);
                    self.reply(&Reply::to_fault(reason, status, detail, &self.event.id, fields), out);
                }
            },
            Err(rejection) => self.reply(&Reply::to_rejection(&rejection, &self.event.id), out),
        }
    }

    /// The head as the router may see it.
    fn request<'r>(&'r self, host: &'r str, path: &'r str) -> Request<'r> {
        let Event { method, query, headers, .. } = self.event;
        Request { method, host, path, query: *query, headers }
    }

    fn moment<'m>(&'m self, held: &'m Loaded, now: i64) -> Moment<'m> {
        let testers = &self.settings.testers;
        let is_tester = self.event.client.is_some_and(|client| testers.iter().any(|network| network.contains(client)));
        Moment {
            client: self.event.client,
            request_id: self.event.id.as_bytes(),
            health: &held.trips,
            overridable: !testers.is_empty(),
            is_tester,
            ..Moment::at(now)
        }
    }

    /// A trace of our own, where the client brings none: what begins it is different each time, and need not be secret.
    fn traceparent(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut hasher = DefaultHasher::new();
        (self.event.id.as_bytes(), self.event.chance).hash(&mut hasher);
        let seed = hasher.finish();
        // One step of SplitMix64 apart, so that no two are alike, and none is zero.
        let chance = |step: u64| {
            let mixed =
                (seed.wrapping_add(step.wrapping_mul(0x9e37_79b9_7f4a_7c15))).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed ^ (mixed >> 31)) | 1
        };
        let mut trace = [0; 32];
        if let Some((high, low)) = trace.split_at_mut_checked(16) {
            identity::write_hex(high, chance(1).into());
            identity::write_hex(low, chance(2).into());
        }
        identity::traceparent(headers, &trace, chance(3))
    }

    fn tls(&self) -> bool {
        self.event.headers.get(FORWARDED_PROTO).is_none_or(|proto| proto != "http")
    }

    /// The request goes to the origin.
    fn send(&self, forward: &Forward, request: &Request<'_>, dialled: &Dialled<'_>, out: &mut Vec<u8>) {
        let trace = self.traceparent(request.headers);
        let hop =
            Hop { client: self.event.client, tls: self.tls(), request_id: &self.event.id, traceparent: trace.as_ref() };
        let way = Way {
            now: self.event.now,
            tls: hop.tls,
            host: request.host,
            cut: Cut::of(forward, request),
            choice: way::choice(request).filter(|_| forward.choice().is_some()),
            mark: way::mark(forward),
        };
        let path = forward.origin().base_path();
        let target = forward.target();
        let uri = target.get(path.len()..).and_then(|rest| rest.split('?').next()).unwrap_or("/");
        let Dialled { domain, port, scheme, read_timeout } = dialled;
        let mut head = format!("f\n{domain}\n{port}\n{scheme}\n{path}\n{uri}\n");
        if let Some(seconds) = read_timeout {
            let _ = write!(head, "{seconds}");
        }
        head.push('\n');
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(way.write().as_bytes());
        forward.edit_request(request, &hop, &mut edits::Written::over(request.headers, out));
    }

    /// The answer goes back to the client: edited by the same decision as the request, made again.
    fn edit_answer(&self, way: &str, edits: &mut Recorded) {
        let Some(written) = Written::read(way) else { return };
        let way = written.way();
        if self.edit_as_decided(&way, edits).is_some() {
            return;
        }
        // The table changed meanwhile. What is known without it is said; the way there has written it down.
        for (name, as_) in [(&VERGE_VERSION, API_VERSION), (&VERGE_ARM, VERGE_ARM)] {
            if let Some(value) = self.event.headers.get(name) {
                edits.set(as_, value.clone());
            }
        }
        edits.set(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }

    fn edit_as_decided(&self, way: &Way<'_>, edits: &mut Recorded) -> Option<()> {
        let held = self.held?;
        let path = way.cut.undo(self.event.uri)?;
        let mut headers = self.event.headers.clone();
        unsay(&mut headers);
        if let Some(choice) = way.choice.and_then(|choice| HeaderValue::from_str(choice).ok()) {
            headers.insert(VERGE_OVERRIDE, choice);
        }
        let request = Request { headers: &headers, ..self.request(way.host, &path) };
        let forward = route(&request, &held.table, &self.moment(held, way.now), &mut ()).ok()?;
        (way::mark(&forward) == way.mark).then(|| forward.edit_response(&request, way.tls, edits))
    }

    fn reply(&self, reply: &Reply, out: &mut Vec<u8>) {
        if self.event.trigger == Trigger::ViewerRequest && reply.body.len() > MOST_BEFORE_CACHE {
            // It is said on the way to the origin, where more fits.
            let mut edits = Recorded::over(self.event.headers.clone());
            edits.set(VERGE_KEY, NO_KEY);
            out.push(b'e');
            return write_changes(&edits, Trigger::ViewerRequest, out);
        }
        write_reply(reply, self.event.method == Method::HEAD, out);
    }
}

/// Takes our own mark off, by which a request is known that has been here before.
fn unsay(headers: &mut HeaderMap) {
    let others: Vec<HeaderValue> = headers.get_all(CDN_LOOP).iter().filter(|line| *line != OWN_NAME).cloned().collect();
    headers.remove(CDN_LOOP);
    for line in others {
        headers.append(CDN_LOOP, line);
    }
}

/// Before the cache: what is asked for, as one field.
fn name_key(forward: &Forward, out: &mut Vec<u8>) {
    let mut key = format!("{}/{}", forward.api().name(), forward.mapping().key());
    if let Some(arm) = forward.choice().and_then(|choice| choice.arm()) {
        let _ = write!(key, "/{}", arm.name());
    }
    out.extend_from_slice(b"e\n=");
    out.extend_from_slice(VERGE_KEY.as_str().as_bytes());
    out.push(b'\n');
    // Names and keys are fit for a field; were one not, it would be a key of its own all the same.
    out.extend(key.bytes().map(|b| if b.is_ascii_graphic() { b } else { b'?' }));
}

/// An answer of ours: status, fields, and after them the body.
fn write_reply(reply: &Reply, bodyless: bool, out: &mut Vec<u8>) {
    let fields = reply.fields.iter().filter(|(name, _)| Trigger::OriginRequest.may_edit(name));
    out.extend_from_slice(format!("a\n{}\n{}", reply.status.as_u16(), fields.clone().count()).as_bytes());
    for (name, value) in fields {
        out.push(b'\n');
        out.extend_from_slice(name.as_str().as_bytes());
        out.push(b'\n');
        out.extend_from_slice(value.as_bytes());
    }
    out.push(b'\n');
    if !bodyless {
        out.extend_from_slice(&reply.body);
    }
}
