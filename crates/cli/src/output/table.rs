//! Tables without frames: columns under a line of names, as wide as what stands in them.

use super::paint;
use console::{Alignment, Term, measure_text_width, pad_str, truncate_str};

/// Between two columns.
const GAP: usize = 2;
/// A column that gives way keeps so many characters.
const LEAST: usize = 9;

/// A column and how it behaves.
#[derive(Debug, Clone, Copy)]
pub enum Column {
    /// Text that is always whole: ids, words, times.
    Text(&'static str),
    /// Figures, at the right.
    Number(&'static str),
    /// Text that is clipped where the terminal is too narrow for all: addresses, subjects.
    Clipped(&'static str),
}

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Self::Text(name) | Self::Number(name) | Self::Clipped(name) => name,
        }
    }
}

/// Lays out `rows`, painted or not. A column in which every row has `-` says nothing and is left out. Only a
/// terminal makes it narrower: what goes into a file or a pipe is whole.
pub fn table(columns: &[Column], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let term = Term::stdout();
    lay_out(columns, rows.into_iter().collect(), term.is_term().then(|| usize::from(term.size().1)))
}

fn lay_out(columns: &[Column], rows: Vec<Vec<String>>, width: Option<usize>) -> String {
    let is_said = |index: &usize| rows.is_empty() || rows.iter().any(|row| row[*index] != "-");
    let kept: Vec<usize> = (0..columns.len()).filter(is_said).collect();
    let widest = |index: usize| {
        let name = columns[index].name().len();
        rows.iter().map(|row| measure_text_width(&row[index])).max().unwrap_or(0).max(name)
    };
    let mut widths: Vec<usize> = kept.iter().map(|index| widest(*index)).collect();
    if let Some(width) = width {
        narrow(&mut widths, &kept.iter().map(|index| columns[*index]).collect::<Vec<_>>(), width);
    }
    let line = |cells: Vec<&str>| {
        let cells = kept.iter().zip(&widths).zip(cells).map(|((index, width), cell)| {
            let side = match columns[*index] {
                Column::Number(_) => Alignment::Right,
                Column::Text(_) | Column::Clipped(_) => Alignment::Left,
            };
            pad_str(&truncate_str(cell, *width, "…"), *width, side, None).into_owned()
        });
        cells.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned()
    };
    let names: Vec<String> = kept.iter().map(|index| columns[*index].name().to_uppercase()).collect();
    let head = paint::faint(&line(names.iter().map(String::as_str).collect()));
    let rows = rows.iter().map(|row| line(kept.iter().map(|index| row[*index].as_str()).collect()));
    std::iter::once(head).chain(rows).collect::<Vec<_>>().join("\n")
}

/// Takes from the widest column that gives way, until all fit or none can give more.
fn narrow(widths: &mut [usize], columns: &[Column], width: usize) {
    while widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1) > width {
        let gives = |(index, width): &(usize, &mut usize)| {
            matches!(columns[*index], Column::Clipped(_)) && **width > LEAST
        };
        let Some((_, widest)) = widths.iter_mut().enumerate().filter(gives).max_by_key(|(_, width)| **width)
        else {
            return;
        };
        *widest -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_at_the_right_and_what_says_nothing_is_left_out() {
        let columns = [Column::Text("status"), Column::Text("relay"), Column::Number("count")];
        let row = |status: &str, count: &str| vec![status.to_owned(), "-".to_owned(), count.to_owned()];
        let table =
            lay_out(&columns, vec![row(&paint::state("held"), "7"), row("delivered", "123456")], None);
        assert_eq!(
            console::strip_ansi_codes(&table),
            "STATUS      COUNT\nheld            7\ndelivered  123456"
        );
    }

    #[test]
    fn a_narrow_terminal_clips_only_what_may_be_clipped() {
        let columns = [Column::Text("id"), Column::Clipped("recipient"), Column::Clipped("subject")];
        let row = ["dlv_1", "somebody.with.a.long.name@example.net", "Hello"].map(str::to_owned).to_vec();
        let table = lay_out(&columns, vec![row], Some(34));
        assert_eq!(
            console::strip_ansi_codes(&table),
            "ID     RECIPIENT           SUBJECT\ndlv_1  somebody.with.a.l…  Hello"
        );
    }
}
