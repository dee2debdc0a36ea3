//! Lists of logical CPUs as people write them: `0-3,6`.

/// The largest number that a CPU can have: no Linux kernel is built for more than 8192 of them.
const LAST: u32 = 8191;

/// Why a text is no list of CPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CpuListError {
    Empty,
    Malformed(String),
    Backwards(String),
    Beyond(u32),
}

/// The CPUs of a text such as `0-3,6`, ascending and each once.
pub(crate) fn parse(text: &str) -> Result<Vec<u32>, CpuListError> {
    if text.trim().is_empty() {
        return Err(CpuListError::Empty);
    }
    let mut cpus = Vec::new();
    for item in text.split(',').map(str::trim) {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let (first, last) = (number(first, item)?, number(last, item)?);
        if first > last {
            return Err(CpuListError::Backwards(item.to_owned()));
        }
        cpus.extend(first..=last);
    }
    cpus.sort_unstable();
    cpus.dedup();
    Ok(cpus)
}

fn number(text: &str, item: &str) -> Result<u32, CpuListError> {
    let number = text
        .parse()
        .map_err(|_| CpuListError::Malformed(item.to_owned()))?;
    if number > LAST {
        return Err(CpuListError::Beyond(number));
    }
    Ok(number)
}

/// CPUs as a suite would write them: `0-3,6`. They have to be ascending.
pub fn cpu_ranges(cpus: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &cpu in cpus {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == cpu => *last = cpu,
            Some(_) | None => ranges.push((cpu, cpu)),
        }
    }
    let text = |(first, last): &(u32, u32)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    let texts: Vec<_> = ranges.iter().map(text).collect();
    texts.join(",")
}

impl std::fmt::Display for CpuListError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("the list of CPUs is empty"),
            Self::Malformed(item) => {
                let item = crate::problem::shown(item);
                write!(f, "`{item}` is not a CPU or a range of CPUs")
            }
            Self::Backwards(item) => write!(f, "the range of CPUs `{item}` ends before it starts"),
            Self::Beyond(cpu) => write!(f, "no machine has a CPU {cpu}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written() {
        let check = |text: &str, cpus: &[u32], written: &str| {
            let found = parse(text).unwrap();
            assert_eq!(found, cpus, "{text}");
            assert_eq!(cpu_ranges(&found), written);
        };
        check("0", &[0], "0");
        check("0-3,6", &[0, 1, 2, 3, 6], "0-3,6");
        check(" 6 , 0-1,1,2 ", &[0, 1, 2, 6], "0-2,6");
        check("8191", &[8191], "8191");
        assert_eq!(cpu_ranges(&[]), "");
    }

    #[test]
    fn what_is_no_list_is_told() {
        let check = |text: &str, expected: CpuListError| assert_eq!(parse(text), Err(expected));
        check("", CpuListError::Empty);
        check("1,", CpuListError::Malformed(String::new()));
        check("a", CpuListError::Malformed("a".to_owned()));
        check("-1", CpuListError::Malformed("-1".to_owned()));
        check("3-1", CpuListError::Backwards("3-1".to_owned()));
        check("0-4000000000", CpuListError::Beyond(4_000_000_000));
        check(
            "0-5000000000",
            CpuListError::Malformed("0-5000000000".to_owned()),
        );
    }
}
