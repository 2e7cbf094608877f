//! What `edge.mjs` calls. There is no bindings generator: a question is written into one place, an answer read out of
//! another, and both stay here. No pointer is ever followed on this side, so nothing here is unsafe but the names.

#![allow(unreachable_pub, reason = "exported names have no other reader")]
#![allow(unsafe_code, reason = "an exported name is unsafe to choose: no other crate here exports any")]

use crate::{answer::Answer, edge::Edge, event::Question, fields::Trigger};
use bytes::Bytes;
use http::HeaderName;
use std::sync::{Mutex, MutexGuard, PoisonError};
use verge_router::rewrite::concerns_answers;

/// All there is. One thread runs here, and nothing in here calls back.
#[derive(Debug)]
struct Memory {
    question: Vec<u8>,
    /// Of an event.
    numbers: Vec<u32>,
    answer: Answer,
    /// What is asked seldom is answered in JSON.
    told: Vec<u8>,
    edge: Option<Edge>,
}

static MEMORY: Mutex<Memory> = Mutex::new(Memory {
    question: Vec::new(),
    numbers: Vec::new(),
    answer: Answer::new(),
    told: Vec::new(),
    edge: None,
});

fn memory() -> MutexGuard<'static, Memory> {
    MEMORY.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// Answers in JSON, with so many bytes of the question.
    fn tell(&mut self, length: usize, work: impl FnOnce(&mut Option<Edge>, &[u8], &mut Vec<u8>)) -> usize {
        let Self { question, told, edge, .. } = self;
        told.clear();
        work(edge, question.get(..length).unwrap_or_default(), told);
        told.len()
    }
}

/// Where a question of so many bytes is to be written. What stands there already stays.
#[unsafe(no_mangle)]
pub extern "C" fn room(length: usize) -> *mut u8 {
    let mut memory = memory();
    if memory.question.len() < length {
        memory.question.resize(length, 0);
    }
    memory.question.as_mut_ptr()
}

/// Where so many numbers of an event are to be written. What stands there already stays.
#[unsafe(no_mangle)]
pub extern "C" fn numbers(count: usize) -> *mut u32 {
    let mut memory = memory();
    if memory.numbers.len() < count {
        memory.numbers.resize(count, 0);
    }
    memory.numbers.as_mut_ptr()
}

/// Where the last answer in JSON stands.
#[unsafe(no_mangle)]
pub extern "C" fn told() -> *const u8 {
    memory().told.as_ptr()
}

/// Takes the text of `verge.toml`; answers with settings or with what is wrong, in JSON.
#[unsafe(no_mangle)]
pub extern "C" fn configure(length: usize) -> usize {
    memory().tell(length, |edge, question, told| match Edge::configured(&String::from_utf8_lossy(question)) {
        Ok(made) => edge.insert(made).tell_settings(told),
        Err(problems) => tell_error(&problems, told),
    })
}

/// Takes the names of a table and a field, on a line each, as the AWS sample gets them.
#[unsafe(no_mangle)]
pub extern "C" fn stand_in(length: usize) -> usize {
    memory().tell(length, |edge, question, told| {
        let question = String::from_utf8_lossy(question);
        let (table, header) = question.split_once('\n').unwrap_or_default();
        match Edge::standing_in(table, header) {
            Ok(made) => edge.insert(made).tell_settings(told),
            Err(problems) => tell_error(&problems, told),
        }
    })
}

/// Whether a table is held.
#[unsafe(no_mangle)]
pub extern "C" fn holds(place: usize) -> bool {
    memory().edge.as_ref().is_some_and(|edge| edge.holds(place))
}

/// Takes one page of a table's items.
#[unsafe(no_mangle)]
pub extern "C" fn page(place: usize, length: usize) -> usize {
    memory().tell(length, |edge, question, told| match edge {
        Some(edge) => {
            edge.page(place, question);
            told.extend_from_slice(b"{}");
        }
        None => tell_error("nothing is configured", told),
    })
}

/// The pages since the last time are a whole table, read at this time in milliseconds.
#[unsafe(no_mangle)]
pub extern "C" fn publish(place: usize, now: f64) -> usize {
    memory().tell(0, |edge, _, told| match edge {
        Some(edge) => edge.publish(place, milliseconds(now), told),
        None => tell_error("nothing is configured", told),
    })
}

/// The pages since the last time are not.
#[unsafe(no_mangle)]
pub extern "C" fn drop_pages(place: usize) {
    if let Some(edge) = &mut memory().edge {
        edge.drop_pages(place);
    }
}

/// Whether an answer's field of the name in so many bytes is to be told on the way back.
#[unsafe(no_mangle)]
pub extern "C" fn concerns(length: usize) -> bool {
    let memory = memory();
    let name = HeaderName::from_bytes(memory.question.get(..length).unwrap_or_default());
    // What is no name is refused where it is read.
    name.as_ref().map_or(true, concerns_answers)
}

/// Takes an event of so many numbers and bytes, so many fields of the request among them, at this time in milliseconds.
/// Gives where the numbers of its answer stand.
#[unsafe(no_mangle)]
pub extern "C" fn decide(event: u32, count: usize, length: usize, fields: usize, now: f64, chance: u32) -> *const u32 {
    let mut memory = memory();
    let Memory { question, numbers, answer, edge, .. } = &mut *memory;
    let trigger = match event {
        0 => Trigger::OriginRequest,
        1 => Trigger::ViewerRequest,
        _ => Trigger::OriginResponse,
    };
    let now = i64::try_from(milliseconds(now) / 1000).unwrap_or(i64::MAX);
    let numbers = numbers.get(..count).unwrap_or_default();
    let texts = Bytes::copy_from_slice(question.get(..length).unwrap_or_default());
    answer.clear();
    if let Some(edge) = edge {
        edge.decide(&Question { trigger, now, chance, fields, numbers, texts: &texts }, answer);
    }
    answer.end();
    answer.numbers().as_ptr()
}

/// The settings of the edge that is configured; nothing where none is.
#[unsafe(no_mangle)]
pub extern "C" fn settings() -> usize {
    memory().tell(0, |edge, _, told| {
        if let Some(edge) = edge {
            edge.tell_settings(told);
        }
    })
}

/// JavaScript's numbers are floating.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "such a cast saturates, which is what is meant"
)]
const fn milliseconds(now: f64) -> u64 {
    now as u64
}

fn tell_error(reason: &str, told: &mut Vec<u8>) {
    told.extend_from_slice(serde_json::json!({"error": reason}).to_string().as_bytes());
}
