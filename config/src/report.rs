//! Collects problems, with the lines they stand in.

use crate::{
    problem::{Problem, Problems},
    units::shown,
};
use std::cell::RefCell;

/// The problems found so far.
pub(crate) struct Report {
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
    /// With the place in the document that orders them.
    problems: RefCell<Vec<(usize, Problem)>>,
}

impl Report {
    pub(crate) fn new(text: &str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { lines, problems: RefCell::default() }
    }

    /// The text is not TOML. Only the parser's words are repeated, never the text: it may hold a secret.
    pub(crate) fn syntax(&self, text: &str, error: &toml::de::Error) -> Problems {
        let at = error.span().map(|span| span.start);
        let line = at.map(|at| self.line(at));
        let begin = line.and_then(|line| self.lines.get(line - 1)).copied();
        let column = match at.and_then(|at| text.get(begin?..at)) {
            Some(before) => format!(" at column {}", before.chars().count() + 1),
            None => String::new(),
        };
        let message = format!("this is not TOML{column}: {}", shown(error.message()));
        Problem { path: String::new(), line, message }.into()
    }

    /// The configuration, where nothing is wrong.
    pub(crate) fn finish<T>(self, whole: T) -> Result<T, Problems> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|(at, _)| *at);
        match Problems::new(problems.into_iter().map(|(_, problem)| problem).collect()) {
            Some(problems) => Err(problems),
            None => Ok(whole),
        }
    }

    /// A problem with the document as a whole, after all others.
    pub(crate) fn missing(&self, path: &str, message: impl Into<String>) {
        let problem = Problem { path: path.to_owned(), line: None, message: message.into() };
        self.problems.borrow_mut().push((usize::MAX, problem));
    }

    /// A problem at a place, in bytes.
    pub(crate) fn at(&self, at: usize, path: &str, message: String) {
        let problem = Problem { path: path.to_owned(), line: Some(self.line(at)), message };
        self.problems.borrow_mut().push((at, problem));
    }

    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|begin| *begin <= at).max(1)
    }
}
