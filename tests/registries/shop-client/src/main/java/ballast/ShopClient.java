package ballast;

import java.time.Duration;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.web.client.RestTemplateBuilder;
import org.springframework.cloud.client.loadbalancer.LoadBalanced;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClientException;
import org.springframework.web.client.RestTemplate;

/** An ordinary Spring Cloud application: it calls other services by the names they have in the registry. */
@SpringBootApplication
public class ShopClient {
    public static void main(String[] args) {
        SpringApplication.run(ShopClient.class, args);
    }

    @Configuration
    static class Wiring {
        @Bean
        @LoadBalanced
        RestTemplate template(RestTemplateBuilder builder) {
            return builder.connectTimeout(Duration.ofSeconds(2)).readTimeout(Duration.ofSeconds(5)).build();
        }
    }

    @RestController
    static class Shop {
        private final RestTemplate template;
        private final String greeting;

        Shop(RestTemplate template, @Value("${greeting:none}") String greeting) {
            this.template = template;
            this.greeting = greeting;
        }

        /** Calls http://SERVICE/PATH and passes the answer on; 503 with the reason when there is nobody to call. */
        @GetMapping("/call")
        ResponseEntity<String> call(@RequestParam("service") String service, @RequestParam("path") String path) {
            try {
                return ResponseEntity.ok(template.getForObject("http://" + service + path, String.class));
            } catch (RestClientException | IllegalStateException error) {
                return ResponseEntity.status(503).body(error.getMessage());
            }
        }

        /** What the Config Server told us at start. */
        @GetMapping("/greeting")
        String greeting() {
            return greeting;
        }
    }
}
