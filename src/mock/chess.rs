//! The server's side of chess: games by their code, two players each, the rules kept by a library. The position is
//! rebuilt from its FEN at every ply, so repetition is not seen, but fifty moves without pawn or capture are a draw.

use std::collections::BTreeMap;

use cozy_chess::Board;
use cozy_chess::Color;
use cozy_chess::GameStatus;
use cozy_chess::Move;
use cozy_chess::Piece;
use cozy_chess::Square;
use serde_json::Value;
use serde_json::json;

use super::kinds::Kind;
use super::kinds::Violation;
use super::story::Call;
use super::story::Scene;
use super::story::Story;
use super::story::json;
use super::story::now;
use super::story::query;
use super::world::World;
use crate::wire::accept::Asked;
use crate::wire::accept::Refusal;
use crate::wire::accept::Verdict;

/// Half moves without pawn or capture after which a draw may be claimed, and is.
const DRAW: u8 = 100;
/// Moves of a game that `docs` repeats with each state: all of them.
const GAMES: usize = 100_000;

/// All games by their code.
#[derive(Debug, Default)]
pub(super) struct Games {
    games: BTreeMap<String, Game>,
    created: u64,
}

#[derive(Debug)]
struct Game {
    fen: String,
    /// Token and sockets of white and black.
    players: [Option<(String, Vec<u64>)>; 2],
    history: Vec<String>,
    status: &'static str,
}

impl Default for Game {
    fn default() -> Self {
        Game { fen: Board::default().to_string(), players: [None, None], history: Vec::new(), status: "active" }
    }
}

impl Game {
    fn board(&self) -> Board {
        self.fen.parse().unwrap_or_default()
    }

    /// The side of the player with `token`, who takes a free one if there is any.
    fn side(&mut self, token: &str) -> Option<usize> {
        let known = self.players.iter().position(|player| player.as_ref().is_some_and(|(name, _)| name == token));
        let wanted = if token.ends_with("-white") {
            0..1
        } else if token.ends_with("-black") {
            1..2
        } else {
            0..2
        };
        let free = |players: &[Option<_>; 2]| wanted.into_iter().find(|side| players[*side].is_none());
        let side = known.or_else(|| free(&self.players))?;
        self.players[side].get_or_insert_with(|| (token.to_owned(), Vec::new()));
        Some(side)
    }

    fn sockets(&self) -> Vec<u64> {
        self.players.iter().flatten().flat_map(|(_, sockets)| sockets.iter().copied()).collect()
    }

    fn turn(&self) -> &'static str {
        if self.board().side_to_move() == Color::White { "white" } else { "black" }
    }

    fn state(&self, code: &str, docs: bool) -> Value {
        if docs {
            return json!({"type": "game_state", "board": self.fen, "turn": self.turn(), "move_history": self.history});
        }
        let player = |side: usize| self.players[side].as_ref().map(|(name, _)| name.clone());
        json!({"type": "game_state", "data": {
            "id": code, "game_code": code, "white_player": player(0), "black_player": player(1), "current_turn": self.turn(),
            "status": self.status, "board_fen": self.fen, "move_history": self.history, "chat_enabled": true,
            "voice_enabled": false, "game_mode": "pvp", "bot_difficulty": null,
        }})
    }

    /// Plays a move; the piece moved, or why it cannot be played.
    fn play(&mut self, from: &str, to: &str, promotion: Option<&str>) -> Result<Piece, String> {
        let wrong = || format!("Invalid move: {from}{to}");
        let (from, to): (Square, Square) = (from.parse().map_err(|_| wrong())?, to.parse().map_err(|_| wrong())?);
        let promotion = promotion.map(|piece| piece.parse::<Piece>().map_err(|_| wrong())).transpose()?;
        let mut board = self.board();
        let piece = board.piece_on(from).ok_or_else(wrong)?;
        board.try_play(Move { from, to, promotion }).map_err(|_| wrong())?;
        self.status = match board.status() {
            GameStatus::Won => "checkmate",
            GameStatus::Drawn if board.checkers().is_empty() && board.halfmove_clock() < DRAW => "stalemate",
            GameStatus::Drawn => "draw",
            GameStatus::Ongoing if board.halfmove_clock() >= DRAW => "draw",
            GameStatus::Ongoing => "active",
        };
        self.fen = board.to_string();
        self.history.push(format!("{from}{to}"));
        Ok(piece)
    }
}

/// Who may connect: a missing token is refused before the upgrade.
pub(super) fn verdict(asked: &Asked) -> Verdict {
    match asked.path.strip_prefix("/api/v1/ws/chess/") {
        None => Verdict::Refuse(Refusal::text(404, "Not Found")),
        Some(_) if !query(asked.query.as_deref()).contains_key("token") => Verdict::Refuse(Refusal::text(403, "Forbidden")),
        Some(_) => Verdict::Accept(None),
    }
}

/// Makes games, and lets players join.
pub(super) fn serve(world: &mut World, call: &Call<'_>) -> Option<(&'static str, Refusal)> {
    match (call.method, call.path) {
        ("POST", "/api/v1/chess/create") => {
            world.chess.created += 1;
            let code = format!("G{:05}", world.chess.created % 100_000);
            world.chess.games.insert(code.clone(), Game::default());
            Some(("/api/v1/chess/create", json(200, &json!({ "game_code": code }))))
        }
        ("POST", "/api/v1/chess/join") => {
            let code = call.body["game_code"].as_str().unwrap_or_default();
            let answer = match world.chess.games.contains_key(code) {
                true => json(200, &json!({ "game_code": code })),
                false => json(404, &json!({"detail": "Game not found"})),
            };
            Some(("/api/v1/chess/join", answer))
        }
        _ => None,
    }
}

/// One player's socket.
#[derive(Debug)]
pub(super) struct Player {
    code: String,
    token: String,
    side: Option<usize>,
}

impl Player {
    pub(super) fn new(path: &str, asked: Option<&str>) -> Self {
        let code = path.rsplit('/').next().unwrap_or_default().to_owned();
        Player { code, token: query(asked).remove("token").unwrap_or_default(), side: None }
    }

    fn error(scene: &mut Scene<'_>, text: &str) {
        let message = match scene.is_docs() {
            true => json!({"type": "error", "code": "internal_error", "message": text}),
            false => json!({"type": "error", "message": text}),
        };
        scene.answer(Kind::Error, &message);
    }

    fn moves(&self, scene: &mut Scene<'_>, side: usize, message: &Value) {
        let field = |name: &str| message[name].as_str();
        let (Some(from), Some(to)) = (field("from"), field("to")) else {
            scene.violated(Violation::Missing);
            return Player::error(scene, "Missing required field: 'from'");
        };
        let docs = scene.is_docs();
        let Some(game) = scene.world.chess.games.get_mut(&self.code) else { return };
        let turn = usize::from(game.board().side_to_move() == Color::Black);
        let played = if game.status != "active" {
            Err("Game is not active".to_owned())
        } else if turn != side {
            Err("Not your turn".to_owned())
        } else {
            game.play(from, to, field("promotion"))
        };
        let piece = match played {
            Ok(piece) => piece,
            Err(why) => {
                scene.violated(Violation::IllegalMove);
                return Player::error(scene, &why);
            }
        };
        let (sockets, status) = (game.sockets(), game.status);
        let (kind, said) = match docs {
            true => (Kind::GameState, game.state(&self.code, true)),
            false => {
                let played = json!({
                    "from_square": from, "to_square": to, "piece": piece.to_string(), "captured": null, "promotion": message["promotion"],
                    "is_castling": false, "is_en_passant": false, "san": format!("{from}{to}"),
                    "timestamp": now(), "player": if side == 0 { "white" } else { "black" },
                });
                let data = json!({"move": played, "board_fen": game.fen, "current_turn": game.turn(), "status": status});
                (Kind::Move, json!({"type": "move", "data": data}))
            }
        };
        scene.world.count("plies", 1);
        sockets.iter().for_each(|to| scene.post(*to, kind, &said));
        if status != "active" {
            let winner = (status == "checkmate").then_some(if side == 0 { "white" } else { "black" });
            Player::ends(scene, &sockets, status, winner);
        }
    }

    fn ends(scene: &mut Scene<'_>, sockets: &[u64], status: &str, winner: Option<&str>) {
        scene.world.count("games_ended", 1);
        let said = match scene.is_docs() {
            true => json!({"type": "game_over", "result": status, "winner": winner}),
            false => json!({"type": "game_end", "data": {"status": status, "winner": winner}}),
        };
        sockets.iter().for_each(|to| scene.post(*to, Kind::GameOver, &said));
    }

    fn over(&self, scene: &mut Scene<'_>, status: &'static str, winner: Option<&str>) {
        let Some(game) = scene.world.chess.games.get_mut(&self.code).filter(|game| game.status == "active") else {
            return Player::error(scene, "Game is not active");
        };
        game.status = status;
        let sockets = game.sockets();
        Player::ends(scene, &sockets, status, winner);
    }

    fn chat(&self, scene: &mut Scene<'_>, message: &Value) {
        let Some(text) = message["message"].as_str() else {
            scene.violated(Violation::Missing);
            return Player::error(scene, "Missing required field: 'message'");
        };
        let stamp = now();
        let said = match scene.is_docs() {
            true => json!({"type": "chat", "user_id": self.token, "message": text, "timestamp": stamp}),
            false => json!({"type": "chat", "data": {
                "user_id": self.token, "message": text, "display_message": text, "is_translated": false,
                "translation_available": false, "timestamp": stamp,
            }}),
        };
        let sockets = scene.world.chess.games.get(&self.code).map(Game::sockets).unwrap_or_default();
        sockets.into_iter().for_each(|to| scene.post(to, Kind::Chat, &said));
    }
}

impl Story for Player {
    fn opened(&mut self, scene: &mut Scene<'_>) {
        let bad = self.token.is_empty() || scene.settings().text("token").is_some_and(|only| only != self.token);
        if bad {
            return scene.close(4001, "Invalid token");
        }
        let (me, docs) = (scene.me(), scene.is_docs());
        let chess = &mut scene.world.chess;
        if chess.games.len() >= GAMES && !chess.games.contains_key(&self.code) {
            return scene.close(4004, "Game not found");
        }
        let game = chess.games.entry(self.code.clone()).or_default();
        let Some(side) = game.side(&self.token) else { return scene.close(4003, "You are not a player in this game") };
        if let Some((_, sockets)) = &mut game.players[side] {
            sockets.push(me);
        }
        self.side = Some(side);
        let state = game.state(&self.code, docs);
        // Both are told once both are there; the first one waits.
        let sockets = if game.players.iter().all(Option::is_some) { game.sockets() } else { Vec::new() };
        sockets.into_iter().for_each(|to| scene.post(to, Kind::GameState, &state));
    }

    fn text(&mut self, scene: &mut Scene<'_>, message: Option<&Value>) {
        let Some(message) = message else { return Player::error(scene, "Invalid JSON") };
        let Some(side) = self.side else { return };
        let kind = match message["type"].as_str() {
            Some("move") => Kind::Move,
            Some("chat") => Kind::Chat,
            Some("resign") => Kind::Resign,
            Some("draw_offer" | "draw_accept" | "draw_decline" | "offer_draw") => Kind::Draw,
            Some("ping") => Kind::Ping,
            _ => Kind::UnknownRequest,
        };
        scene.received(kind);
        match kind {
            Kind::Move => self.moves(scene, side, message),
            Kind::Chat => self.chat(scene, message),
            Kind::Resign => self.over(scene, "resigned", Some(if side == 0 { "black" } else { "white" })),
            Kind::Draw if matches!(message["type"].as_str(), Some("draw_accept" | "offer_draw")) => self.over(scene, "draw", None),
            Kind::Ping if scene.is_docs() => scene.answer(Kind::Pong, &json!({"type": "pong"})),
            Kind::Ping => scene.answer(Kind::Pong, &json!({"type": "pong", "timestamp": now()})),
            Kind::UnknownRequest => scene.violated(Violation::UnknownKind),
            _ => {}
        }
    }

    fn binary(&mut self, scene: &mut Scene<'_>, _: &[u8]) {
        scene.received(Kind::Unparsed);
        scene.violated(Violation::WrongFrame);
        scene.end();
    }

    fn beat(&mut self, _: &mut Scene<'_>, _: u8) {}

    fn gone(&mut self, world: &mut World, me: u64) {
        let Some(game) = world.chess.games.get_mut(&self.code) else { return };
        game.players.iter_mut().flatten().for_each(|(_, sockets)| sockets.retain(|socket| *socket != me));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_game_is_legal_to_its_end() {
        let mut game = Game::default();
        for n in 0..crate::profile::chess::PLIES {
            let (from, to) = crate::profile::chess::ply(n);
            game.play(&from, &to, None).unwrap_or_else(|why| panic!("ply {n}: {why}"));
            assert_eq!(game.status, "active", "ply {n}");
        }
    }

    #[test]
    fn a_shuttle_of_knights_alone_is_a_draw_after_fifty_moves() {
        let mut game = Game::default();
        let shuttle = [("g1", "f3"), ("g8", "f6"), ("f3", "g1"), ("f6", "g8")];
        let plies = (0..).take_while(|n| {
            let (from, to) = shuttle[n % 4];
            game.play(from, to, None).expect("legal");
            game.status == "active"
        });
        assert_eq!(plies.count() + 1, 100);
        assert_eq!(game.status, "draw");
    }

    #[test]
    fn what_the_rules_forbid_is_refused() {
        let mut game = Game::default();
        for (from, to) in [("e2", "e5"), ("e7", "e5"), ("a1", "a3"), ("zz", "e4"), ("e3", "e4")] {
            assert!(game.play(from, to, None).is_err(), "{from}{to}");
        }
        assert!(game.play("e2", "e4", None).is_ok());
    }
}
