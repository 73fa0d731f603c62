//! What is played at a site, each from a seed: anything at all, a flood beside small tenants, a backlog below urgent mail,
//! and an outage.

use super::super::dice::Dice;
use super::super::*;
use super::lies::Lie;
use super::site::{Host, Plan, Site, Temper, domain_name};

/// What a play showed, beside what its judges found.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Shown {
    pub letters: u64,
    pub starts: u64,
    pub slower: u64,
    pub parks: u64,
    pub shut: u64,
    pub probes: u64,
    /// The longest that somebody waited beside a flood, in percent of the bound.
    pub fair_percent: u64,
    /// The longest that somebody waited below urgent mail beyond the ageing time, in percent of the bound.
    pub aged_percent: u64,
    /// The most starts within a second after an outage, in percent of the rate.
    pub peak_percent: u64,
}

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Play {
    Anything,
    Flood,
    Backlog,
    Outage,
}

pub(super) const PLAYS: [Play; 4] = [Play::Anything, Play::Flood, Play::Backlog, Play::Outage];

impl Play {
    /// Plays it out.
    pub(super) fn run(self, seed: u64, lie: Lie) -> (Site, Shown) {
        let dice = Dice::new(seed);
        let (mut site, mut shown) = match self {
            Self::Anything => anything(dice, lie),
            Self::Flood => flood(dice, lie),
            Self::Backlog => backlog(dice, lie),
            Self::Outage => outage(dice, lie, seed.is_multiple_of(50)),
        };
        let judges = &site.judges;
        (shown.letters, shown.starts) = (site.letters.len() as u64, site.starts);
        (shown.slower, shown.parks, shown.shut) = (judges.slower, judges.parks, judges.shut);
        shown.probes = site.probes;
        if let Some(letter) = site.letters.iter().position(|it| !it.has_ended) {
            site.judges.find(format!("end: letter {letter} has none: {:?}", site.letters[letter]));
        }
        (site, shown)
    }
}

fn a_policy(priority: Priority, route: &str) -> Arc<Policy> {
    let retry = RetryPolicy { max_attempts: None, schedule: [10, 30, 60].map(seconds).into() };
    let route = route.parse().ok();
    Arc::new(Policy { priority, retry, route, expires_after: seconds(24 * 3600), ..Policy::default() })
}

/// One for each class, by `Priority::ALL`.
fn policies() -> Vec<Arc<Policy>> {
    Priority::ALL.iter().map(|&priority| a_policy(priority, "default")).collect()
}

fn host(dice: &mut Dice, connections: usize) -> Host {
    let least = 1 + dice.below(200);
    let per_second = dice.is(40).then(|| [5.0, 20.0, 50.0, 200.0][dice.within(0, 3)]);
    let limits = RelayLimits { max_connections: connections, per_second };
    Host { limits, is_up: true, falls: 0, takes_ms: (least, least + dice.below(2000)) }
}

fn rules(dice: &mut Dice, domains: usize) -> Vec<DestinationLimits> {
    let mut rules = Vec::new();
    for domain in 0..domains {
        if dice.is(30) {
            rules.push(DestinationLimits {
                domain: domain_name(domain).parse().expect("a domain"),
                max_connections: dice.is(70).then(|| dice.within(1, 5)),
                max_per_second: dice.is(40).then(|| [1.0, 5.0, 30.0][dice.within(0, 2)]),
            });
        }
    }
    rules
}

/// Ten minutes of mail from anybody to anywhere while relays come and go and recipients push back; then all is well.
fn anything(mut dice: Dice, lie: Lie) -> (Site, Shown) {
    let (relays, tenants, domains) = (dice.within(1, 3), dice.within(1, 40), dice.within(1, 6));
    let hosts: Vec<_> = (0..relays)
        .map(|_| {
            let most = dice.within(1, 20);
            host(&mut dice, most)
        })
        .collect();
    let all: Vec<_> = (0..relays).collect();
    let routes = [
        ("default", all.clone()),
        ("other", all.into_iter().rev().collect()),
        ("alone", vec![dice.within(0, relays - 1)]),
    ];
    let pacing = Pacing { destinations: rules(&mut dice, domains), ..Pacing::default() };
    let mut site = Site::new(dice, lie, Plan { hosts, routes: &routes, tenants, domains, pacing });
    let names = ["default", "default", "other", "alone"];
    let policies: Vec<_> =
        Priority::ALL.iter().flat_map(|&priority| names.map(|route| a_policy(priority, route))).collect();
    let dice = &mut site.dice;
    let letters = dice.within(20, 250);
    let mut arrivals = Vec::new();
    while arrivals.len() < letters {
        let (at, policy, domain) =
            (dice.span(600), dice.within(0, policies.len() - 1), dice.within(0, domains - 1));
        let burst = if dice.is(10) { dice.within(1, 60) } else { 1 };
        let tenant = dice.within(0, tenants - 1);
        let is_mixed = dice.is(50);
        for n in 0..burst {
            arrivals.push((at, if is_mixed { (tenant + n) % tenants } else { tenant }, domain, policy));
        }
    }
    let mut weather = Vec::new();
    for relay in 0..relays {
        // Some flap, some go once.
        let (period, falls) = (if dice.is(20) { 5 } else { 120 }, dice.below(6));
        let mut at = dice.span(300);
        for _ in 0..falls {
            let down = Duration::from_millis(1) + dice.span(period);
            weather.extend([(at, relay, false), (at + down, relay, true)]);
            at += down + Duration::from_millis(1) + dice.span(period);
        }
    }
    let tempers: Vec<_> = (0..dice.below(5))
        .map(|_| {
            let temper = Temper {
                slower: dice.one_of(&[0, 5, 20]),
                park: dice.one_of(&[0, 0, 2, 20]),
                full: dice.one_of(&[0, 5]),
                refused: dice.one_of(&[0, 5]),
                silent: dice.one_of(&[0, 0, 5, 30]),
            };
            (dice.span(600), temper)
        })
        .collect();
    for (at, tenant, domain, policy) in arrivals {
        site.accept_at(at, tenant, domain, &policies[policy]);
    }
    weather.into_iter().for_each(|(at, relay, is_up)| site.weather_at(at, relay, is_up));
    tempers.into_iter().for_each(|(at, temper)| site.tempers_at(at, temper));
    site.tempers_at(seconds(600), Temper::default());
    site.run_until(seconds(600));
    site.run_dry(seconds(4 * 3600));
    (site, Shown::default())
}

/// One tenant has thousands in the queue, the others a message now and then, all of one class.
///
/// Bound: two starts of each tenant that has mail, at the slowest the relay can be, and one transaction before them. Two,
/// since who has just had its own start waits for the rest of this turn and for those before it in the next.
fn flood(mut dice: Dice, lie: Lie) -> (Site, Shown) {
    let (connections, tenants) = (dice.within(1, 12), dice.within(2, 30));
    let mut only = host(&mut dice, connections);
    only.takes_ms = (20, 20 + dice.below(400));
    let (slowest, rate) = (Duration::from_millis(only.takes_ms.1), only.limits.per_second);
    let rule = dice.is(50).then(|| DestinationLimits {
        domain: domain_name(0).parse().expect("a domain"),
        max_connections: Some(dice.within(1, 4)),
        max_per_second: None,
    });
    let at_once = rule.as_ref().and_then(|rule| rule.max_connections).unwrap_or(usize::MAX);
    let pacing = Pacing { destinations: rule.into_iter().collect(), ..Pacing::default() };
    let priority = dice.one_of(Priority::ALL);
    let at_once = at_once.min(pacing.shares.caps(connections)[priority as usize]);
    let routes = [("default", vec![0])];
    let mut site =
        Site::new(dice, lie, Plan { hosts: vec![only], routes: &routes, tenants, domains: 1, pacing });
    let policy = a_policy(priority, "default");
    for _ in 0..site.dice.within(100, 400) {
        site.accept(0, 0, &policy);
    }
    // One message at a time from each of the others.
    let mut small: Vec<Option<usize>> = vec![None; tenants];
    let mut submitted = 0;
    while site.judges.found.is_none() && site.planner.open_deliveries() > 0 && submitted < 100 {
        let wait = Duration::from_millis(1 + site.dice.below(300));
        let until = site.now + wait;
        site.run_until(until);
        let tenant = site.dice.within(1, tenants - 1);
        if small[tenant].is_none_or(|letter| site.letters[letter].started.is_some()) {
            small[tenant] = Some(site.accept(tenant, 0, &policy));
            submitted += 1;
        }
    }
    site.run_dry(seconds(4 * 3600));
    let rounds = u32::try_from(2 + 2 * tenants.div_ceil(at_once)).expect("few");
    let paced = rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64((2 * tenants + 1) as f64 / rate));
    let bound = slowest * rounds + paced + Duration::from_millis(50);
    let waits = site.letters.iter().filter(|it| it.tenant > 0);
    let longest = waits.map(|it| it.started.unwrap_or(Duration::MAX) - it.accepted).max().unwrap_or_default();
    if longest > bound {
        site.judges.find(format!("fairness: {longest:?} beside a flood, where {bound:?} are the bound"));
    }
    (site, Shown { fair_percent: percent(longest, bound), ..Shown::default() })
}

fn percent(of: Duration, bound: Duration) -> u64 {
    u64::try_from(of.as_millis() * 100 / bound.as_millis().max(1)).unwrap_or(u64::MAX)
}

/// More urgent mail than the relay can take, without an end; below it something now and then from small tenants, and
/// perhaps a flood in between.
///
/// Bound: the ageing time, and then one start in four, shared by three classes and the tenants in each.
fn backlog(mut dice: Dice, lie: Lie) -> (Site, Shown) {
    let (connections, tenants) = (dice.within(1, 4), dice.within(2, 8));
    let takes_ms = (500, 1000 + dice.below(2000));
    let limits = RelayLimits { max_connections: connections, per_second: None };
    let hosts = vec![Host { limits, is_up: true, falls: 0, takes_ms }];
    let ageing = seconds(dice.one_of(&[30, 60, 120]));
    let pacing = Pacing { ageing, ..Pacing::default() };
    let routes = [("default", vec![0])];
    let mut site =
        Site::new(dice, lie, Plan { hosts, routes: &routes, tenants: tenants + 2, domains: 2, pacing });
    let policies = policies();
    let (urgent, flooder) = (tenants, tenants + 1);
    if site.dice.is(50) {
        for _ in 0..100 {
            let class = site.dice.within(1, 3);
            site.accept(flooder, 0, &policies[class]);
        }
    }
    let end = ageing * 3;
    let mut small: Vec<usize> = Vec::new();
    let mut last: HashMap<(usize, usize), usize> = HashMap::new();
    while site.judges.found.is_none() && site.now < end {
        // Always so many more than can go.
        while site.planner.depth()[0][2] < 20 && lie != Lie::OneClass {
            let letter = site.accept(urgent, 1, &policies[0]);
            site.letters[letter].tenant = usize::MAX;
        }
        let (tenant, class) = (site.dice.within(0, tenants - 1), site.dice.within(1, 3));
        let has_one = last.get(&(tenant, class)).is_some_and(|&it| site.letters[it].started.is_none());
        if site.dice.is(30) && !has_one {
            let letter = site.accept(tenant, 0, &policies[class]);
            last.insert((tenant, class), letter);
            small.push(letter);
        }
        let until = site.now + Duration::from_millis(500);
        site.run_until(until);
    }
    // What was submitted late is given its time; the urgent goes on as long.
    let transaction = Duration::from_millis(takes_ms.1);
    let starts = u32::try_from(12 * (tenants + 2)).expect("few");
    let bound = transaction * starts / u32::try_from(connections.min(4)).expect("few") + transaction * 2;
    let until = end + ageing + bound;
    while site.judges.found.is_none()
        && site.now < until
        && small.iter().any(|&it| site.letters[it].started.is_none())
    {
        while site.planner.depth()[0][2] < 20 && lie != Lie::OneClass {
            let letter = site.accept(urgent, 1, &policies[0]);
            site.letters[letter].tenant = usize::MAX;
        }
        let next = site.now + Duration::from_millis(500);
        site.run_until(next);
    }
    let waits = small.iter().map(|&it| {
        let letter = &site.letters[it];
        letter.started.unwrap_or(site.now).saturating_sub(letter.accepted)
    });
    let longest = waits.max().unwrap_or_default();
    if longest > ageing + bound {
        site.judges.find(format!(
            "starvation: {longest:?} below urgent mail, where {ageing:?} and {bound:?} are the bound"
        ));
    }
    site.run_dry(seconds(8 * 3600));
    (site, Shown { aged_percent: percent(longest.saturating_sub(ageing), bound), ..Shown::default() })
}

/// All relays are down for an hour while mail comes in; then they are up, perhaps after flapping.
fn outage(mut dice: Dice, lie: Lie, is_large: bool) -> (Site, Shown) {
    let relays = dice.within(1, 2);
    let mut hosts: Vec<_> = (0..relays)
        .map(|_| {
            let most = dice.within(2, 40);
            host(&mut dice, most)
        })
        .collect();
    for host in &mut hosts {
        host.takes_ms = (10, 10 + dice.below(200));
    }
    let letters = if is_large { 10_000 } else { dice.within(100, 400) };
    let routes = [("default", (0..relays).collect())];
    let plan =
        Plan { hosts: hosts.clone(), routes: &routes, tenants: 20, domains: 10, pacing: Pacing::default() };
    let mut site = Site::new(dice, lie, plan);
    let policies = policies();
    let went = seconds(10);
    for n in 0..letters {
        let at = site.dice.span(3000);
        let (tenant, domain) = (site.dice.within(0, 19), site.dice.within(0, 9));
        // One in ten is critical.
        let class = if n % 10 == 0 { 0 } else { site.dice.within(1, 3) };
        site.accept_at(at, tenant, domain, &policies[class]);
    }
    (0..relays).for_each(|relay| site.weather_at(went, relay, false));
    let flaps = if site.dice.is(50) { site.dice.below(30) } else { 0 };
    let back = went + seconds(3600);
    for flap in 0..u32::try_from(flaps).expect("few") {
        for relay in 0..relays {
            site.weather_at(back + seconds(10) * flap, relay, true);
            site.weather_at(back + seconds(10) * flap + seconds(5), relay, false);
        }
    }
    let calm = back + seconds(10 * flaps);
    (0..relays).for_each(|relay| site.weather_at(calm, relay, true));

    site.run_until(back - Duration::from_millis(1));
    let (before, connections) =
        (site.failures, hosts.iter().map(|it| it.limits.max_connections).sum::<usize>());
    if before > connections as u64 {
        site.judges.find(format!(
            "storm: {before} failures at relays with {connections} connections, in one outage"
        ));
    }
    site.run_until(calm);
    let most = (flaps + 1) * (connections as u64 + relays as u64);
    if site.failures - before > most {
        site.judges
            .find(format!("storm: {} failures in {flaps} flaps, {most} at most", site.failures - before));
    }
    let shown = drain(&mut site, &hosts, back, flaps);
    (site, shown)
}

/// The urgent first, and as fast as allowed, no faster.
fn drain(site: &mut Site, hosts: &[Host], back: Duration, flaps: u64) -> Shown {
    site.run_dry(back + seconds(20_000));
    let mut shown = Shown::default();
    let after = |it: &&super::site::Letter| it.started.is_some_and(|at| at >= back);
    let mut order: Vec<_> =
        site.letters.iter().filter(after).map(|it| (it.started, it.policy.priority)).collect();
    order.sort_unstable_by_key(|(at, _)| *at);
    let critical = order.iter().filter(|(_, priority)| *priority == Priority::Critical).count();
    let last = order.iter().rposition(|(_, priority)| *priority == Priority::Critical).map_or(0, |at| at + 1);
    // One start in four is for who has waited long, and everybody has.
    let most = critical * 4 / 3 + hosts.iter().map(|it| it.limits.max_connections).sum::<usize>() + 4;
    if flaps == 0 && last > most {
        site.judges.find(format!("urgency: the last of {critical} critical ones was the {last}th to start"));
    }
    // Where every relay has a rate, all of them together keep to the sum.
    if let Some(rate) = hosts.iter().map(|it| it.limits.per_second).sum::<Option<f64>>() {
        let mut peak = 0;
        let mut from = 0;
        for at in 0..order.len() {
            while order[at].0 > order[from].0.map(|it| it + seconds(1)) {
                from += 1;
            }
            peak = peak.max(at - from + 1);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred")]
        let percent = (peak as f64 * 100.0 / (rate + hosts.len() as f64)) as u64;
        shown.peak_percent = percent;
        if percent > 110 {
            site.judges.find(format!("peak: {peak} starts in a second, where {rate} are allowed"));
        }
    }
    shown
}
