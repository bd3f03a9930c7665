//! What was looked at and what was found.

use crate::document::{Doc, map};
use crate::failure::Failure;
use crate::session::{Format, Session};
use crate::terminal::Style;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Nothing is wrong.
    Fine,
    /// Worth knowing, or something that could not be looked at.
    Note,
    /// Something is wrong.
    Problem,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// What was looked at.
    check: &'static str,
    level: Level,
    /// What was seen.
    evidence: String,
    /// Why that is so, or what comes of it.
    cause: String,
    /// What to do about it.
    remedy: String,
}

/// All findings, in the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
    cut_short: bool,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Level::Fine => "ok",
            Level::Note => "note",
            Level::Problem => "problem",
        }
    }

    fn style(self) -> Style {
        match self {
            Level::Fine => Style::Good,
            Level::Note => Style::Faint,
            Level::Problem => Style::Bad,
        }
    }
}

impl Report {
    /// Something was looked at and nothing is wrong.
    pub(super) fn fine(&mut self, check: &'static str, evidence: impl Into<String>) {
        self.add(check, Level::Fine, evidence, "", "");
    }

    /// Something is wrong.
    pub(super) fn problem(
        &mut self,
        check: &'static str,
        evidence: impl Into<String>,
        cause: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(check, Level::Problem, evidence, cause, remedy);
    }

    /// Something is worth knowing.
    pub(super) fn note(
        &mut self,
        check: &'static str,
        evidence: impl Into<String>,
        cause: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(check, Level::Note, evidence, cause, remedy);
    }

    /// The rest cannot be looked at.
    pub(super) fn cut_short(&mut self, why: &str) {
        self.cut_short = true;
        self.add("rest", Level::Note, why, "", "");
    }

    fn add(
        &mut self,
        check: &'static str,
        level: Level,
        evidence: impl Into<String>,
        cause: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let (evidence, cause, remedy) = (evidence.into(), cause.into(), remedy.into());
        self.findings.push(Finding { check, level, evidence, cause, remedy });
    }

    /// Problems so far.
    pub(super) fn problems(&self) -> usize {
        self.findings.iter().filter(|finding| finding.level == Level::Problem).count()
    }

    pub(super) fn has_problems(&self) -> bool {
        self.problems() > 0
    }

    pub(super) fn is_cut_short(&self) -> bool {
        self.cut_short
    }

    /// Says that nothing is wrong where no problem came since `before`.
    pub(super) fn fine_since(&mut self, before: usize, check: &'static str, evidence: impl Into<String>) {
        if self.problems() == before {
            self.fine(check, evidence);
        }
    }

    /// Writes all of it.
    pub(super) fn write(&self, session: &mut Session<'_>) -> Result<(), Failure> {
        if session.format != Format::Table {
            let findings = self.findings.iter().map(Finding::doc);
            let doc = map([
                ("problems", self.problems().into()),
                ("complete", (!self.cut_short).into()),
                ("findings", Doc::List(findings.collect())),
            ]);
            return session.write(&doc);
        }
        for finding in &self.findings {
            let level = session.paint.apply(finding.level.style(), &format!("{:7}", finding.level.name()));
            let line = |text: &str| Doc::from(text).cell();
            writeln!(session.out, "{level}  {:20}  {}", finding.check, line(&finding.evidence))?;
            for (name, text) in [("cause", &finding.cause), ("remedy", &finding.remedy)] {
                if !text.is_empty() {
                    let name = session.paint.apply(Style::Faint, &format!("{:>31}", format!("{name}:")));
                    writeln!(session.out, "{name} {}", line(text))?;
                }
            }
        }
        let sentence = match self.problems() {
            0 if self.cut_short => "it could not be looked at everything".to_owned(),
            0 => "nothing is wrong".to_owned(),
            1 => "1 problem".to_owned(),
            count => format!("{count} problems"),
        };
        let style = if self.has_problems() { Style::Bad } else { Style::Good };
        writeln!(session.out, "\n{}", session.paint.apply(style, &sentence))?;
        Ok(())
    }

    /// What was found of a check, for tests.
    #[cfg(test)]
    pub(super) fn evidences(&self, level: Level) -> Vec<&str> {
        let of_it = self.findings.iter().filter(|finding| finding.level == level);
        of_it.map(|finding| finding.evidence.as_str()).collect()
    }
}

impl Finding {
    fn doc(&self) -> Doc {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        map([
            ("check", self.check.into()),
            ("level", self.level.name().into()),
            ("evidence", self.evidence.as_str().into()),
            ("cause", text(&self.cause).into()),
            ("remedy", text(&self.remedy).into()),
        ])
    }
}
