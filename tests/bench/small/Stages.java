// The small journey on Kafka Streams: one topology, one persistent store with caching and its changelog, one thread.

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

public final class Stages {
    static final String STORE = "users";
    static final String[] NAMES = {"awareness", "activation", "engagement", "adoption"};
    static final Set<String> SIGN_UPS = Set.of("Signed Up", "Invite Accepted");
    static final Set<String> CORE = Set.of("Report Created", "Feature Used", "Data Exported");
    static final Set<String> ACTIVE = Set.of("track", "page", "screen");

    /** What is read of an event; the rest is passed over without being built. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    record Event(String type, String event, String userId, String timestamp, Feature properties) {}

    @JsonIgnoreProperties(ignoreUnknown = true)
    record Feature(String feature) {}

    record Change(String entity, String from, String to, long at) {}

    /** The state of one user. Counts by day are pairs: day, count. */
    static final class State {
        int stage = -1;
        boolean signed;
        int[] core = {};
        int[] days = {};
        Map<String, Integer> features = new HashMap<>(8);

        void measure(Event event, int day) {
            if (event.event != null && SIGN_UPS.contains(event.event)) {
                signed = true;
            } else if (event.event != null && CORE.contains(event.event)) {
                count(day);
                if (event.properties != null && event.properties.feature != null) {
                    features.put(event.properties.feature, day);
                }
            }
            if (ACTIVE.contains(event.type) && (days.length == 0 || days[days.length - 1] != day)) {
                days = since(days, 1, day - 28, 1);
                days[days.length - 1] = day;
            }
        }

        private void count(int day) {
            int n = core.length;
            if (n > 0 && core[n - 2] == day) {
                core[n - 1]++;
                return;
            }
            core = since(core, 2, day - 7, 2);
            core[core.length - 2] = day;
            core[core.length - 1] = 1;
        }

        /** The entries whose day is above the floor, with room for more behind. */
        private static int[] since(int[] all, int width, int floor, int room) {
            int from = 0;
            while (from < all.length && all[from] <= floor) {
                from += width;
            }
            int[] kept = new int[all.length - from + room];
            System.arraycopy(all, from, kept, 0, all.length - from);
            return kept;
        }

        /** The stage that comes next, or -1. */
        int next(int day) {
            return switch (stage) {
                case -1 -> 0;
                case 0 -> signed ? 1 : -1;
                case 1 -> core(day) >= 3 ? 2 : -1;
                case 2 -> active(day) >= 2 && features(day) >= 3 ? 3 : -1;
                default -> -1;
            };
        }

        private int core(int day) {
            int sum = 0;
            for (int i = 0; i < core.length; i += 2) {
                sum += core[i] > day - 7 ? core[i + 1] : 0;
            }
            return sum;
        }

        private int active(int day) {
            int found = 0;
            for (int d : days) {
                found += d > day - 28 ? 1 : 0;
            }
            return found;
        }

        private int features(int day) {
            int found = 0;
            for (int d : features.values()) {
                found += d > day - 28 ? 1 : 0;
            }
            return found;
        }

        byte[] bytes() {
            byte[][] names = new byte[features.size()][];
            int size = 2 + 1 + 4 * core.length + 1 + 4 * days.length + 1;
            int i = 0;
            for (String name : features.keySet()) {
                names[i] = name.getBytes(StandardCharsets.UTF_8);
                size += 1 + names[i++].length + 4;
            }
            ByteBuffer to = ByteBuffer.allocate(size).put((byte) stage).put((byte) (signed ? 1 : 0));
            write(to, core);
            write(to, days);
            to.put((byte) names.length);
            i = 0;
            for (int day : features.values()) {
                to.put((byte) names[i].length).put(names[i++]).putInt(day);
            }
            return to.array();
        }

        static State of(byte[] bytes) {
            ByteBuffer from = ByteBuffer.wrap(bytes);
            State state = new State();
            state.stage = from.get();
            state.signed = from.get() == 1;
            state.core = read(from);
            state.days = read(from);
            for (int n = from.get(); n > 0; n--) {
                byte[] name = new byte[from.get()];
                from.get(name);
                state.features.put(new String(name, StandardCharsets.UTF_8), from.getInt());
            }
            return state;
        }

        private static void write(ByteBuffer to, int[] values) {
            to.put((byte) values.length);
            for (int value : values) {
                to.putInt(value);
            }
        }

        private static int[] read(ByteBuffer from) {
            int[] values = new int[from.get()];
            for (int i = 0; i < values.length; i++) {
                values[i] = from.getInt();
            }
            return values;
        }
    }

    static final class Follow implements Processor<String, Event, String, Change> {
        private ProcessorContext<String, Change> context;
        private KeyValueStore<String, State> users;
        private String date = "";
        private int day;

        @Override
        public void init(ProcessorContext<String, Change> context) {
            this.context = context;
            this.users = context.getStateStore(STORE);
        }

        @Override
        public void process(Record<String, Event> record) {
            Event event = record.value();
            State state = users.get(record.key());
            if (state == null) {
                state = new State();
            }
            if (!event.timestamp.startsWith(date) || date.isEmpty()) {
                date = event.timestamp.substring(0, 10);
                day = (int) LocalDate.parse(date).toEpochDay();
            }
            state.measure(event, day);
            for (int to = state.next(day); to >= 0; to = state.next(day)) {
                String from = state.stage < 0 ? null : NAMES[state.stage];
                state.stage = to;
                context.forward(record.withValue(new Change(event.userId, from, NAMES[to], at(event.timestamp))));
            }
            users.put(record.key(), state);
        }

        private long at(String stamp) {
            return day * 86_400_000L + number(stamp, 11, 13) * 3_600_000L + number(stamp, 14, 16) * 60_000L
                    + number(stamp, 17, 19) * 1_000L + number(stamp, 20, 23);
        }

        private static int number(String text, int from, int to) {
            return Integer.parseInt(text, from, to, 10);
        }
    }

    private static Serde<Event> events(ObjectMapper json) {
        ObjectReader reader = json.readerFor(Event.class);
        return Serdes.serdeFrom((topic, event) -> { throw new UnsupportedOperationException(); }, (topic, bytes) -> {
            try {
                return reader.readValue(bytes);
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        });
    }

    private static Serde<Change> changes(ObjectMapper json) {
        ObjectWriter writer = json.writerFor(Change.class);
        return Serdes.serdeFrom((topic, change) -> {
            try {
                return writer.writeValueAsBytes(change);
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }, (topic, bytes) -> { throw new UnsupportedOperationException(); });
    }

    private static Properties settings() {
        Properties to = new Properties();
        to.put(StreamsConfig.APPLICATION_ID_CONFIG, System.getenv("BENCH_NAME"));
        to.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("BENCH_KAFKA"));
        to.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("BENCH_STATE"));
        to.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        to.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.AT_LEAST_ONCE);
        // Its default, 30 s, would end most runs before the first commit; the others here keep their state every 1 to 10 s.
        to.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 5_000);
        // Its default, 10 MB, holds a tenth of the users: with this the store is read and written once a commit and user.
        to.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L << 20);
        to.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        to.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 10_000);
        to.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 100); // Streams' own default for its producer
        to.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 << 10);
        return to;
    }

    public static void main(String[] arguments) {
        ObjectMapper json = new ObjectMapper();
        StreamsBuilder builder = new StreamsBuilder();
        builder.addStateStore(Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(STORE), Serdes.String(),
                Serdes.serdeFrom((topic, state) -> state == null ? null : state.bytes(),
                        (topic, bytes) -> bytes == null ? null : State.of(bytes))).withCachingEnabled());
        builder.stream(System.getenv("BENCH_SOURCE"), Consumed.with(Serdes.String(), events(json)))
                .process(Follow::new, STORE)
                .to(System.getenv("BENCH_OUT"), Produced.with(Serdes.String(), changes(json)));
        KafkaStreams streams = new KafkaStreams(builder.build(), settings());
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        streams.start();
    }
}
