//! `--wav`, `--say` and `--dtmf` in the order in which they stand on the command line.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};

/// What the caller does, in order.
#[derive(Debug, Default)]
pub(super) struct Steps(pub(super) Vec<What>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Wav(PathBuf),
    Say(String),
    Dtmf(String),
}

impl Args for Steps {
    fn augment_args(command: Command) -> Command {
        command
            .arg(
                Arg::new("wav")
                    .long("wav")
                    .value_name("FILE")
                    .action(ArgAction::Append)
                    .value_parser(value_parser!(PathBuf))
                    .help("Say the speech of a WAV file (mono, PCM or μ-law)"),
            )
            .arg(
                Arg::new("say")
                    .long("say")
                    .value_name("TEXT")
                    .action(ArgAction::Append)
                    .help("Say this, in a robot's voice"),
            )
            .arg(
                Arg::new("dtmf")
                    .long("dtmf")
                    .value_name("KEYS")
                    .action(ArgAction::Append)
                    .value_parser(keys)
                    .help("Press these keys, such as 12#"),
            )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Steps {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut steps = Self::default();
        steps.update_from_arg_matches(matches)?;
        Ok(steps)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        let mut steps: Vec<(usize, What)> = Vec::new();
        let at = |name| matches.indices_of(name).into_iter().flatten();
        steps.extend(at("wav").zip(matches.get_many::<PathBuf>("wav").into_iter().flatten().cloned().map(What::Wav)));
        steps.extend(at("say").zip(matches.get_many::<String>("say").into_iter().flatten().cloned().map(What::Say)));
        steps.extend(at("dtmf").zip(matches.get_many::<String>("dtmf").into_iter().flatten().cloned().map(What::Dtmf)));
        steps.sort_by_key(|(at, _)| *at);
        self.0 = steps.into_iter().map(|(_, what)| what).collect();
        Ok(())
    }
}

fn keys(text: &str) -> Result<String, String> {
    let keys = text.to_ascii_uppercase();
    let valid = !keys.is_empty() && keys.chars().all(|key| matches!(key, '0'..='9' | '*' | '#' | 'A'..='D'));
    valid.then_some(keys).ok_or_else(|| "keys are 0-9, *, # and A-D".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_keep_the_order_of_the_command_line() {
        let line = ["call", "--say", "one", "--wav", "two.wav", "--dtmf", "3#", "--say", "four"];
        let matches = Steps::augment_args(Command::new("call")).get_matches_from(line);
        let steps = Steps::from_arg_matches(&matches).unwrap().0;
        let expected = [
            What::Say("one".to_owned()),
            What::Wav("two.wav".into()),
            What::Dtmf("3#".to_owned()),
            What::Say("four".to_owned()),
        ];
        assert_eq!(steps, expected);
    }

    #[test]
    fn other_keys_are_refused() {
        let command = Steps::augment_args(Command::new("call"));
        assert!(command.try_get_matches_from(["call", "--dtmf", "12x"]).is_err());
    }
}
