//! Two services on one data directory: the second refuses and says why, and the first goes on as if nothing had been.

use postlens_tests::harness::Service;

use super::Account;
use crate::{budget::FAULTY_RUN, traffic::Work};

#[test]
fn a_second_service_on_a_data_directory_refuses_and_says_why() {
    let service = Service::start();
    let account = Account::of(&service, 81, FAULTY_RUN);
    let work = Work::cut(&account.events, 1_000, 81);
    std::thread::scope(|scope| {
        scope.spawn(|| work.run(&account.client, 2));
        let (code, said) = service.another();
        assert!(code.is_some_and(|code| code != 0), "{code:?}: {said}");
        assert!(said.contains("another Postlens uses the data directory"), "{said}");
        assert!(said.contains("--data-dir"), "it says what to do: {said}");
    });
    account.compare();
    service.kill();
    service.restart();
    account.compare();
}
