//! Collects problems, with the lines they stand in.

use crate::{
    document::Fault,
    problem::{Problem, Problems},
};
use std::cell::RefCell;

/// The problems found so far.
pub(crate) struct Report {
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
    /// In order, each with its place in the document.
    problems: RefCell<Vec<(usize, Problem)>>,
}

impl Report {
    pub(crate) fn new(text: &str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { lines, problems: RefCell::default() }
    }

    /// The text is not TOML. Only the parser's words are repeated, never the text: it may hold a secret.
    pub(crate) fn syntax(&self, text: &str, fault: Fault) -> Problems {
        let Fault { at, reason } = fault;
        let line = self.line(at);
        let begin = self.lines.get(line - 1).copied();
        let column = match begin.and_then(|begin| text.get(begin..at)) {
            Some(before) => format!(" at column {}", before.chars().count() + 1),
            None => String::new(),
        };
        let message = format!("this is not TOML{column}: {reason}");
        Problem { path: String::new(), line: Some(line), message }.into()
    }

    /// The configuration, where nothing is wrong.
    pub(crate) fn finish<T>(self, whole: T) -> Result<T, Problems> {
        let problems = self.problems.into_inner();
        match Problems::new(problems.into_iter().map(|(_, problem)| problem).collect()) {
            Some(problems) => Err(problems),
            None => Ok(whole),
        }
    }

    /// A problem with the document as a whole, after all others.
    pub(crate) fn missing(&self, path: &str, message: impl Into<String>) {
        let problem = Problem { path: path.to_owned(), line: None, message: message.into() };
        self.take(usize::MAX, problem);
    }

    /// A problem at a place, in bytes.
    pub(crate) fn at(&self, at: usize, path: &str, message: String) {
        let problem = Problem { path: path.to_owned(), line: Some(self.line(at)), message };
        self.take(at, problem);
    }

    fn take(&self, at: usize, problem: Problem) {
        let mut problems = self.problems.borrow_mut();
        let place = problems.partition_point(|(other, _)| *other <= at);
        problems.insert(place, (at, problem));
    }

    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|begin| *begin <= at).max(1)
    }
}
