//! Resources: declared, found, changed, removed.

use std::sync::Arc;

use tokenbind_issuer::{
    resource::{Resource, ResourceKey},
    store::{ChangeOutcome, RegisterOutcome},
};

use crate::support::{Bench, CALLERS, race, scope};

fn resource(identifier: &str, name: &str) -> (ResourceKey, Resource) {
    let resource = Resource {
        name: Some(name.into()),
        scopes: scope("read write"),
        ..Resource::of(identifier)
    };
    (resource.key().unwrap(), resource)
}

async fn put(bench: &Bench, identifier: &str, name: &str) -> ResourceKey {
    let (key, resource) = resource(identifier, name);
    bench.store.put_resource(key.clone(), resource).await.unwrap();
    key
}

contract! {
    async fn what_was_put_is_found_by_any_spelling_of_its_identifier(bench: Bench) {
        put(&bench, "https://API.example", "one").await;
        let key = ResourceKey::of("https://api.example:443/").unwrap();
        let found = bench.store.find_resource(&key).await.unwrap().unwrap();
        assert_eq!(*found, resource("https://API.example", "one").1);
        let other = ResourceKey::of("https://api.example/v1").unwrap();
        assert_eq!(bench.store.find_resource(&other).await.unwrap(), None);
    }

    async fn what_is_put_again_takes_the_place_of_what_was(bench: Bench) {
        put(&bench, "https://api.example", "one").await;
        let key = put(&bench, "https://api.example/", "two").await;
        let found = bench.store.find_resource(&key).await.unwrap().unwrap();
        assert_eq!(found.name.as_deref(), Some("two"));
        assert_eq!(bench.store.list_resources().await.unwrap(), [found]);
    }

    async fn of_64_puts_of_one_resource_one_is_there(bench: Bench) {
        race(|number| {
            let store = Arc::clone(&bench.store);
            let (key, resource) = resource("https://api.example", &number.to_string());
            async move { store.put_resource(key, resource).await.unwrap() }
        })
        .await;
        assert_eq!(bench.store.list_resources().await.unwrap().len(), 1);
    }

    async fn of_64_puts_of_64_resources_all_are_there_in_order(bench: Bench) {
        race(|number| {
            let store = Arc::clone(&bench.store);
            let (key, resource) = resource(&format!("https://api.example/{number:02}"), "one");
            async move { store.put_resource(key, resource).await.unwrap() }
        })
        .await;
        let listed = bench.store.list_resources().await.unwrap();
        let expected: Vec<_> =
            (0..CALLERS).map(|number| format!("https://api.example/{number:02}")).collect();
        let listed: Vec<_> = listed.iter().map(|resource| resource.identifier.clone()).collect();
        assert_eq!(listed, expected);
    }

    async fn of_64_that_add_one_resource_one_does(bench: Bench) {
        let outcomes = race(|number| {
            let store = Arc::clone(&bench.store);
            let (key, resource) = resource("https://api.example", &number.to_string());
            async move { store.add_resource(key, resource).await.unwrap() }
        })
        .await;
        let added: Vec<_> = (0..CALLERS)
            .filter(|&number| outcomes[number] == RegisterOutcome::Registered)
            .map(|number| Some(number.to_string()))
            .collect();
        let listed = bench.store.list_resources().await.unwrap();
        let names: Vec<_> = listed.iter().map(|resource| resource.name.clone()).collect();
        assert_eq!((added.len(), names), (1, added));
    }

    async fn of_64_changes_of_one_state_one_is_made(bench: Bench) {
        let key = put(&bench, "https://api.example", "before").await;
        let (_, before) = resource("https://api.example", "before");
        let outcomes = race(|number| {
            let (store, key) = (Arc::clone(&bench.store), key.clone());
            let before = before.clone();
            let (_, after) = resource("https://api.example", &number.to_string());
            async move { store.update_resource(&key, &before, after).await.unwrap() }
        })
        .await;
        let changed: Vec<_> = (0..CALLERS)
            .filter(|&number| outcomes[number] == ChangeOutcome::Changed)
            .map(|number| Some(number.to_string()))
            .collect();
        let found = bench.store.find_resource(&key).await.unwrap().unwrap();
        assert_eq!(changed, std::slice::from_ref(&found.name));
    }

    async fn a_resource_is_found_once_it_is_added_although_it_was_looked_for_before(bench: Bench) {
        let (key, resource) = resource("https://api.example", "one");
        assert_eq!(bench.store.find_resource(&key).await.unwrap(), None);
        let added = bench.store.add_resource(key.clone(), resource.clone()).await.unwrap();
        assert_eq!(added, RegisterOutcome::Registered);
        assert_eq!(bench.store.find_resource(&key).await.unwrap().as_deref(), Some(&resource));
        let outcome = bench.store.update_resource(&key, &Resource::of("urn:other"), resource).await;
        assert_eq!(outcome.unwrap(), ChangeOutcome::Unknown);
    }

    async fn of_64_removals_one_removes(bench: Bench) {
        let key = put(&bench, "https://api.example", "one").await;
        let outcomes = race(|_| {
            let (store, key) = (Arc::clone(&bench.store), key.clone());
            async move { store.delete_resource(&key).await.unwrap() }
        })
        .await;
        let changed = outcomes.iter().filter(|outcome| **outcome == ChangeOutcome::Changed);
        assert_eq!(changed.count(), 1);
        assert_eq!(bench.store.find_resource(&key).await.unwrap(), None);
    }
}
