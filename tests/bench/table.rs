//! A table of figures with budgets.

/// Rows of what was measured.
pub(crate) struct Table {
    title: &'static str,
    rows: Vec<Row>,
}

struct Row {
    what: String,
    measured: String,
    budget: String,
    missed: bool,
}

impl Table {
    pub(crate) fn new(title: &'static str) -> Self {
        Table {
            title,
            rows: Vec::new(),
        }
    }

    /// A figure without a budget.
    pub(crate) fn note(&mut self, what: impl Into<String>, measured: impl Into<String>) {
        self.rows.push(Row {
            what: what.into(),
            measured: measured.into(),
            budget: String::new(),
            missed: false,
        });
    }

    /// A figure that must not exceed `budget`, both in `unit`.
    pub(crate) fn at_most(&mut self, what: impl Into<String>, measured: f64, budget: f64, unit: &str) {
        self.rows.push(Row {
            what: what.into(),
            measured: format!("{} {unit}", short(measured)),
            budget: format!("≤ {} {unit}", short(budget)),
            missed: measured > budget,
        });
    }

    /// Prints it; gives the number of rows beyond their budget.
    pub(crate) fn print(&self) -> usize {
        println!("\n{}", self.title);
        let width = |pick: fn(&Row) -> &str| self.rows.iter().map(|row| pick(row).chars().count()).max().unwrap_or(0);
        let (what, measured) = (width(|row| &row.what), width(|row| &row.measured));
        for row in &self.rows {
            let mark = if row.missed { "  BEYOND" } else { "" };
            println!(
                "  {:what$}  {:>measured$}  {}{mark}",
                row.what, row.measured, row.budget
            );
        }
        self.rows.iter().filter(|row| row.missed).count()
    }
}

fn short(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}
