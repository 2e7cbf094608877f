//! An event's decision, carried out as far as CloudFront lets a function: origin, path, fields, or an answer of ours.

use crate::{
    answer::{Answer, EDIT, Edit, FORWARD},
    dial::{Dialled, dial},
    edits::{self, write_changes},
    event::{Event, NoEvent, Question},
    fields::Trigger,
    settings::Settings,
    way::{self, Cut, SAID, Way, Written},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use verge_carry::{Loaded, Reply, edits::Recorded, head, identity};
use verge_router::{
    Edits, Forward, Hop, Moment, Reason, Rejection, Request,
    origin::Scheme,
    rewrite::{API_VERSION, VERGE_ARM},
    route,
    split::{By, Choice},
};

/// `verge-key`: what a request asks for, in a form that a cache can tell requests apart by.
pub const VERGE_KEY: HeaderName = HeaderName::from_static("verge-key");
/// By which scheme the client came, where the distribution's policy asks CloudFront to say it.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("cloudfront-forwarded-proto");
/// The most that CloudFront takes for an answer in a viewer's event is 40 KB, fields and all.
const MOST_BEFORE_CACHE: usize = 32 * 1024;
/// What stands in `verge-key` for answers that have no version.
const NO_KEY: &str = "-";

/// Decides about an event, and writes what is to be done.
///
/// What most events come to is apart from the rest: functions are compiled when they are first called.
pub(crate) fn decide(question: &Question<'_>, settings: &Settings, held: Option<&Loaded>, out: &mut Answer) {
    match Event::read(question) {
        Ok(event) if question.trigger == Trigger::OriginResponse => {
            let way = event.way;
            Decision { settings, held, event }.back(way, out);
        }
        Ok(event) => Decision { settings, held, event }.there(out),
        Err(no) => refuse(question, no, out),
    }
}

/// What cannot even be read is asked for by nobody who is to be told more.
#[inline(never)]
fn refuse(question: &Question<'_>, no: NoEvent, out: &mut Answer) {
    let reason = match no {
        NoEvent::Malformed => Reason::BadRequest,
        NoEvent::Torn => Reason::Internal,
    };
    let id = Event::id_in(question).unwrap_or(HeaderValue::from_static(""));
    write_reply(&Reply::to_reason(reason, reason.title(), &id), false, out);
}

struct Decision<'e> {
    settings: &'e Settings,
    held: Option<&'e Loaded>,
    event: Event<'e>,
}

impl<'e> Decision<'e> {
    /// On the way there.
    fn there(&self, out: &mut Answer) {
        let host = self.event.headers.get(header::HOST).map_or(Some(""), |host| host.to_str().ok());
        let request = host.map(|host| self.request(host, self.event.uri));
        let Some(request) = request.filter(head::is_sound) else { return self.reply_to_none(out) };
        let Some(held) = self.held else { return self.reply_without_table(out) };
        match route(&request, &held.table, &self.moment(held, self.event.now), &mut ()) {
            Ok(forward) if self.event.trigger == Trigger::ViewerRequest => name_key(&forward, out),
            Ok(forward) => match dial(&forward, self.settings) {
                Ok(dialled) => self.send(&forward, &request, &dialled, out),
                Err(detail) => self.reply_unreachable(&forward, &request, detail, out),
            },
            Err(rejection) => self.reject(&rejection, out),
        }
    }

    #[inline(never)]
    fn reply_to_none(&self, out: &mut Answer) {
        self.reply(&Reply::to_reason(Reason::BadRequest, Reason::BadRequest.title(), &self.event.id), out);
    }

    #[inline(never)]
    fn reply_without_table(&self, out: &mut Answer) {
        self.reply(&Reply::to_no_table(&self.event.id), out);
    }

    #[inline(never)]
    fn reply_unreachable(&self, forward: &Forward, request: &Request<'_>, detail: &str, out: &mut Answer) {
        let reason = Reason::OriginUnreachable;
        let status = forward.api().status(reason).unwrap_or(reason.default_status());
        let fields = forward.fault_fields(reason, request);
        self.reply(&Reply::to_fault(reason, status, detail, &self.event.id, fields), out);
    }

    #[inline(never)]
    fn reject(&self, rejection: &Rejection, out: &mut Answer) {
        self.reply(&Reply::to_rejection(rejection, &self.event.id), out);
    }

    /// The head as the router may see it.
    fn request<'r>(&'r self, host: &'r str, path: &'r str) -> Request<'r> {
        let Event { method, query, headers, .. } = &self.event;
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
        let seed = way::fnv(way::fnv(way::FNV, self.event.id.as_bytes()), &self.event.chance.to_le_bytes());
        // One step of SplitMix64 apart, so that no two are alike, and none is zero.
        let chance = |step: u64| {
            let mixed =
                (seed.wrapping_add(step.wrapping_mul(0x9e37_79b9_7f4a_7c15))).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed ^ (mixed >> 31)) | 1
        };
        let mut trace = [0; 32];
        identity::write_hex_pair(&mut trace, chance(1), chance(2));
        identity::traceparent(headers, &trace, chance(3))
    }

    fn tls(&self) -> bool {
        self.event.headers.get(FORWARDED_PROTO).is_none_or(|proto| proto != "http")
    }

    /// The request goes to the origin.
    fn send(&self, forward: &Forward, request: &Request<'_>, dialled: &Dialled<'_>, out: &mut Answer) {
        let trace = self.traceparent(request.headers);
        let hop =
            Hop { client: self.event.client, tls: self.tls(), request_id: &self.event.id, traceparent: trace.as_ref() };
        let way = Way {
            now: self.event.now,
            tls: hop.tls,
            host: request.host,
            cut: Cut::of(forward, request),
            mark: way::mark(forward),
        };
        let path = forward.origin().base_path();
        let target = forward.target();
        let uri = target.get(path.len()..).and_then(|rest| rest.split('?').next()).unwrap_or("/");
        out.number(FORWARD);
        out.number(dialled.port.into());
        out.number((forward.origin().scheme() == Scheme::Https).into());
        out.number(dialled.read_timeout);
        out.text(dialled.domain.as_str());
        out.text(path);
        out.text(uri);
        let overridden = forward.choice().filter(|choice| choice.by() == By::Override).and_then(arm);
        out.write(|out| way.write(forward.hangs_on(), request.headers, overridden, out));
        let mut edits = edits::Written::over(request.headers, out);
        forward.edit_request(request, &hop, &mut edits);
        edits.end();
    }

    /// The answer goes back to the client: edited by the same decision as the request, made again.
    #[inline(never)]
    fn back(mut self, way: &str, out: &mut Answer) {
        let mut edits = Recorded::over(std::mem::take(&mut self.event.answer));
        let written = Written::read(way);
        for (name, value) in written.iter().flat_map(Written::received) {
            self.event.headers.append(name, value);
        }
        self.edit_answer(written.as_ref().map(Written::way).as_ref(), &mut edits);
        out.number(EDIT);
        write_changes(&edits, out);
    }

    fn edit_answer(&self, way: Option<&Way<'_>>, edits: &mut Recorded) {
        if way.and_then(|way| self.edit_as_decided(way, edits)).is_some() {
            return;
        }
        // The table changed meanwhile, or the function. What is known without it is said; the way there has written it down.
        for (name, as_) in SAID.iter().zip([API_VERSION, VERGE_ARM]) {
            if let Some(value) = self.event.headers.get(name) {
                edits.set(as_, value.clone());
            }
        }
        edits.set(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }

    fn edit_as_decided(&self, way: &Way<'_>, edits: &mut Recorded) -> Option<()> {
        let held = self.held?;
        let path = way.cut.undo(self.event.uri)?;
        let request = self.request(way.host, &path);
        let forward = route(&request, &held.table, &self.moment(held, way.now), &mut ()).ok()?;
        (way::mark(&forward) == way.mark).then(|| forward.edit_response(&request, way.tls, edits))
    }

    fn reply(&self, reply: &Reply, out: &mut Answer) {
        if self.event.trigger == Trigger::ViewerRequest && reply.body.len() > MOST_BEFORE_CACHE {
            // It is said on the way to the origin, where more fits.
            return write_key(NO_KEY, out);
        }
        write_reply(reply, self.event.method == Method::HEAD, out);
    }
}

/// The arm that was picked.
fn arm(choice: &Choice) -> Option<&str> {
    choice.arm().map(|arm| arm.name())
}

/// Before the cache: what is asked for, as one field. Whom another version answers is told so, and nobody else.
#[inline(never)]
fn name_key(forward: &Forward, out: &mut Answer) {
    let fell = forward.fell().then_some("~");
    let arm = forward.choice().and_then(arm);
    let key = [Some(forward.api().name()), Some(forward.mapping().key()), arm, fell].into_iter().flatten();
    write_key(&key.collect::<Vec<_>>().join("/"), out);
}

fn write_key(key: &str, out: &mut Answer) {
    // Names and keys are fit for a field; were one not, it would be a key of its own all the same.
    let key: Vec<u8> = key.bytes().map(|b| if b.is_ascii_graphic() { b } else { b'?' }).collect();
    out.number(EDIT);
    out.edit(Trigger::ViewerRequest, Edit::Set, &VERGE_KEY, &key);
    out.end_edits();
}

/// An answer of ours: status, fields, and after them the body.
fn write_reply(reply: &Reply, bodyless: bool, out: &mut Answer) {
    out.number(reply.status.as_u16().into());
    for (name, value) in &reply.fields {
        out.edit(Trigger::OriginRequest, Edit::Append, name, value.as_bytes());
    }
    out.end_edits();
    out.text(if bodyless { &b""[..] } else { &reply.body });
}
