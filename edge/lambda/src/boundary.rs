//! What `edge.mjs` calls. There is no bindings generator: a question is written into one buffer, an answer read out of
//! another, and both stay here. No pointer is ever followed on this side, so nothing here is unsafe but the names.

#![allow(unreachable_pub, reason = "exported names have no other reader")]
#![allow(unsafe_code, reason = "an exported name is unsafe to choose: no other crate here exports any")]

use crate::edge::Edge;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// All there is. One thread runs here, and nothing in here calls back.
#[derive(Debug)]
struct Memory {
    question: Vec<u8>,
    answer: Vec<u8>,
    edge: Option<Edge>,
}

static MEMORY: Mutex<Memory> = Mutex::new(Memory { question: Vec::new(), answer: Vec::new(), edge: None });

fn memory() -> MutexGuard<'static, Memory> {
    MEMORY.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// Answers, with so many bytes of the question.
    fn reply(&mut self, length: usize, work: impl FnOnce(&mut Option<Edge>, &[u8], &mut Vec<u8>)) -> usize {
        let Self { question, answer, edge } = self;
        answer.clear();
        work(edge, question.get(..length).unwrap_or_default(), answer);
        answer.len()
    }
}

/// Where a question of so many bytes is to be written.
#[unsafe(no_mangle)]
pub extern "C" fn room(length: usize) -> *mut u8 {
    let mut memory = memory();
    if memory.question.len() < length {
        memory.question.resize(length, 0);
    }
    memory.question.as_mut_ptr()
}

/// Where the last answer stands.
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> *const u8 {
    memory().answer.as_ptr()
}

/// Takes the text of `verge.toml`; answers with settings or with what is wrong, in JSON.
#[unsafe(no_mangle)]
pub extern "C" fn configure(length: usize) -> usize {
    memory().reply(length, |edge, question, answer| match Edge::configured(&String::from_utf8_lossy(question)) {
        Ok(made) => edge.insert(made).tell_settings(answer),
        Err(problems) => tell_error(&problems, answer),
    })
}

/// Takes the names of a table and a field, on a line each, as the AWS sample gets them.
#[unsafe(no_mangle)]
pub extern "C" fn stand_in(length: usize) -> usize {
    memory().reply(length, |edge, question, answer| {
        let question = String::from_utf8_lossy(question);
        let (table, header) = question.split_once('\n').unwrap_or_default();
        match Edge::standing_in(table, header) {
            Ok(made) => edge.insert(made).tell_settings(answer),
            Err(problems) => tell_error(&problems, answer),
        }
    })
}

/// Takes one page of a table's items.
#[unsafe(no_mangle)]
pub extern "C" fn page(place: usize, length: usize) -> usize {
    memory().reply(length, |edge, question, answer| match edge {
        Some(edge) => {
            edge.page(place, question);
            answer.extend_from_slice(b"{}");
        }
        None => tell_error("nothing is configured", answer),
    })
}

/// The pages since the last time are a whole table, read at this time in milliseconds.
#[unsafe(no_mangle)]
pub extern "C" fn publish(place: usize, now: f64) -> usize {
    memory().reply(0, |edge, _, answer| match edge {
        Some(edge) => edge.publish(place, milliseconds(now), answer),
        None => tell_error("nothing is configured", answer),
    })
}

/// The pages since the last time are not.
#[unsafe(no_mangle)]
pub extern "C" fn drop_pages(place: usize) {
    if let Some(edge) = &mut memory().edge {
        edge.drop_pages(place);
    }
}

/// Takes an event, answers with what is to be done.
#[unsafe(no_mangle)]
pub extern "C" fn decide(length: usize) -> usize {
    memory().reply(length, |edge, question, answer| match edge {
        Some(edge) => edge.decide(question, answer),
        None => tell_error("nothing is configured", answer),
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

fn tell_error(reason: &str, answer: &mut Vec<u8>) {
    answer.extend_from_slice(serde_json::json!({"error": reason}).to_string().as_bytes());
}
