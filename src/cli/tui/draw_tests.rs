use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::super::state::Key;
use super::super::state::tests::filled;
use super::*;

const ASCII: Look = Look { colour: false, ascii: true };

/// What is on a screen, ends of lines trimmed.
fn screen(picture: &Picture, note: &str, look: Look, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen in memory");
    terminal.draw(|frame| draw(picture, note, look, frame)).expect("memory takes everything");
    let buffer = terminal.backend().buffer();
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned() + "\n";
    (0..height).map(line).collect()
}

#[test]
fn the_view_on_80_by_24() {
    let state = filled();
    let drawn = screen(&state.picture(), "", ASCII, 80, 24);
    let golden = include_str!("golden/view.txt");
    assert_eq!(drawn, golden, "drawn is\n{drawn}");
}

#[test]
fn the_faults_on_80_by_24() {
    let mut state = filled();
    state.press(Key::Faults);
    state.press(Key::Pause);
    let drawn = screen(&state.picture(), "stopping", ASCII, 80, 24);
    let golden = include_str!("golden/faults.txt");
    assert_eq!(drawn, golden, "drawn is\n{drawn}");
}

#[test]
fn ascii_means_ascii_and_no_colour_none() {
    let picture = filled().picture();
    assert!(screen(&picture, "", ASCII, 200, 60).is_ascii());
    let blocks = Look { colour: true, ascii: false };
    assert!(screen(&picture, "", blocks, 200, 60).contains('█'));
    for (look, is_coloured) in [(ASCII, false), (blocks, true)] {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).expect("a screen in memory");
        terminal.draw(|frame| draw(&picture, "", look, frame)).expect("memory takes everything");
        let cells = terminal.backend().buffer().content();
        assert_eq!(cells.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset), is_coloured);
    }
}

#[test]
fn any_size_is_drawn() {
    let picture = filled().picture();
    for (width, height) in [(1, 1), (10, 3), (80, 8), (79, 23), (400, 200)] {
        screen(&picture, "a note", ASCII, width, height);
    }
}
