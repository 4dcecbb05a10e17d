// The vendors' Node SDKs, unmodified, telling the story of ../sdks.py to a door: `node sdks.mjs URL`, in the folder where
// they are installed (../sdk_setup.py).
import { createRequire } from "node:module";

const require = createRequire(process.cwd() + "/");
const AT = new Date("2026-05-01T12:00:00.000Z");
const seconds = AT.getTime() / 1000;

const PACKAGES = {
  segment: "@segment/analytics-node", rudderstack: "@rudderstack/rudder-sdk-node", posthog: "posthog-node",
  mixpanel: "mixpanel", amplitude: "@amplitude/analytics-node", snowplow: "@snowplow/node-tracker", stripe: "stripe",
};

const STORIES = {
  async segment(url) {
    const { Analytics } = require(PACKAGES.segment);
    const client = new Analytics({ writeKey: "key-segment", host: url });
    client.identify({ userId: "u1", traits: { title: "CTO" }, timestamp: AT });
    client.group({ userId: "u1", groupId: "acme", traits: { plan: "pro" }, timestamp: AT });
    client.track({ userId: "u1", event: "Report Created", properties: { rows: 7 }, context: { groupId: "acme" }, timestamp: AT });
    await client.closeAndFlush();
  },
  async rudderstack(url) {
    const Analytics = require(PACKAGES.rudderstack);
    const client = new (Analytics.default ?? Analytics)("key-rudderstack", { dataPlaneUrl: url, flushAt: 100, gzip: false });
    client.track({ userId: "u1", event: "Report Created", properties: { rows: 7 }, context: { groupId: "acme" }, timestamp: AT });
    client.page({ userId: "u1", category: "Docs", name: "Pricing", properties: { path: "/pricing" }, timestamp: AT });
    await new Promise((done) => client.flush(done));
  },
  async posthog(url) {
    const { PostHog } = require(PACKAGES.posthog);
    const client = new PostHog("key-posthog", { host: url, flushAt: 100, disableGeoip: true });
    client.capture({ distinctId: "u1", event: "report created", properties: { rows: 7 }, groups: { company: "acme" }, timestamp: AT });
    client.identify({ distinctId: "u1", properties: { email: "ada@acme.io" } });
    client.groupIdentify({ groupType: "company", groupKey: "acme", properties: { plan: "pro" } });
    client.alias({ distinctId: "old", alias: "u1" });
    await client.shutdown();
  },
  async mixpanel(url) {
    const { hostname, port } = new URL(url);
    const client = require(PACKAGES.mixpanel).init("key-mixpanel", { host: `${hostname}:${port}`, protocol: "http" });
    const done = (call) => new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve())));
    await done((end) => client.track("Report Created", { distinct_id: "u1", rows: 7, company: "acme", time: seconds }, end));
    // no import: with a secret it insists on HTTPS
    await done((end) => client.people.set("u1", { $email: "ada@acme.io" }, { $time: seconds }, end));
    await done((end) => client.groups.set("company", "acme", { plan: "pro" }, { $time: seconds }, end));
  },
  async amplitude(url) {
    const amplitude = require(PACKAGES.amplitude);
    await amplitude.init("key-amplitude", { serverUrl: `${url}/2/httpapi`, flushQueueSize: 100, logLevel: 0 }).promise;
    const who = { user_id: "user-1", device_id: "device-1", time: AT.getTime() };
    amplitude.track("Report Created", { rows: 7 }, { ...who, groups: { company: "acme" }, insert_id: "i1" });
    amplitude.identify(new amplitude.Identify().set("title", "CTO"), who);
    amplitude.groupIdentify("company", "acme", new amplitude.Identify().set("plan", "pro"), { time: AT.getTime() });
    await amplitude.flush().promise;
  },
  async snowplow(url) {
    const { newTracker, buildSelfDescribingEvent, buildStructEvent } = require(PACKAGES.snowplow);
    const time = { type: "ttm", value: AT.getTime() };
    const account = { schema: "iglu:com.acme/account/jsonschema/1-0-0", data: { id: "acme" } };
    const report = { schema: "iglu:com.acme/report_created/jsonschema/1-0-0", data: { rows: 7 } };
    for (const method of ["post", "get"]) {
      let answered;
      const done = new Promise((resolve) => (answered = resolve));
      const tracker = newTracker(
        { namespace: "app", appId: "key-snowplow", encodeBase64: true },
        { endpoint: url, eventMethod: method, bufferSize: 1, onRequestSuccess: answered, onRequestFailure: answered },
      );
      tracker.setUserId("u1");
      tracker.setDomainUserId("d1");
      if (method === "post") tracker.track(buildSelfDescribingEvent({ event: report }), [account], time);
      else tracker.track(buildStructEvent({ category: "export", action: "exported" }), [], time);
      tracker.flush();
      await done;
    }
  },
  async stripe(url) {
    const client = new (require(PACKAGES.stripe))("sk_test_none");
    const customer = { object: "customer", id: "cus_1", name: "Acme", metadata: { account_id: "acme" } };
    const event = { id: "evt_1", object: "event", created: seconds, type: "customer.created", livemode: true, data: { object: customer } };
    const payload = JSON.stringify(event);
    const header = client.webhooks.generateTestHeaderString({ payload, secret: "key-stripe" });
    client.webhooks.constructEvent(payload, header, "key-stripe");
    const answer = await fetch(`${url}/webhooks/stripe`, { method: "POST", body: payload, headers: { "Stripe-Signature": header } });
    if (answer.status !== 200) throw new Error(`stripe: ${answer.status}`);
  },
};

await Promise.all(Object.values(STORIES).map((tell) => tell(process.argv[2])));
process.exit(0);
