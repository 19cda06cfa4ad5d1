//! The real registries start, find each other and answer: what every other test against them takes for granted.

use std::time::Duration;

use ballast_tests::registries::{CONFIG_PORT, EUREKA_PORT, Jars, SHOP_PORT};
use ballast_tests::{Netns, http, temp_dir, wait_for};

/// A registration as a stranger would make it. Source: the fields that a Spring Cloud client needs to call an instance.
const RATINGS: &str = r#"{"instance":{"instanceId":"i1","hostName":"127.0.0.1","app":"RATINGS","ipAddr":"127.0.0.1",
"status":"UP","port":{"$":8888,"@enabled":"true"},"vipAddress":"ratings","dataCenterInfo":{"@class":
"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"}}}"#;

#[test]
fn a_client_calls_by_name_what_was_registered_and_reads_its_config() {
    let netns = Netns::new().unwrap();
    let configs = temp_dir();
    std::fs::write(
        configs.path().join("shop-client.yml"),
        "greeting: hello from the config server\n",
    )
    .unwrap();
    let jars = Jars::of_tests();
    let _eureka = jars.eureka(&netns, &[]).unwrap();
    let _config = jars.config_server(&netns, configs.path(), "127.0.0.1").unwrap();
    let _shop = jars.shop_client(&netns).unwrap();
    netns.run(|| {
        wait_for(Duration::from_secs(30), "CONFIG-SERVICE registers itself", || {
            http::get(&format!("http://127.0.0.1:{EUREKA_PORT}/eureka/apps/CONFIG-SERVICE"))
                .is_ok_and(|a| a.status == 200)
        });
        // Here the Config Server plays a service that knows nothing of its registration.
        let url = format!("http://127.0.0.1:{EUREKA_PORT}/eureka/apps/RATINGS");
        let post = http::Request::new("POST", &url)
            .header("Content-Type", "application/json")
            .body(RATINGS);
        assert_eq!(post.send().unwrap().status, 204);
        let call = format!("http://127.0.0.1:{SHOP_PORT}/call?service=ratings&path=/actuator/health");
        wait_for(Duration::from_secs(30), "the client calls RATINGS by name", || {
            http::get(&call).is_ok_and(|answer| answer.status == 200 && answer.text().contains("UP"))
        });
        assert_eq!(
            http::get(&format!("http://127.0.0.1:{SHOP_PORT}/greeting"))
                .unwrap()
                .text(),
            "hello from the config server"
        );
        assert_eq!(
            http::get(&format!("http://127.0.0.1:{CONFIG_PORT}/shop-client/default"))
                .unwrap()
                .status,
            200
        );
    });
}
