"""Examples of what analytics write: Snowplow, Amplitude, Mixpanel, GA4, Heap, Clarity, Adobe, and CloudEvents."""

from __future__ import annotations

from typing import Any

import orjson

from schemas.sources.snowplow_fields import COLUMNS
from tests.schemas.sources.examples import RECORD_TIME, Example, Full, Given

SNOWPLOW = "https://github.com/snowplow/snowplow-python-analytics-sdk/blob/130a10ae/tests/test_event_transformer.py"
AMPLITUDE = "https://amplitude.com/docs/api/content/apis/analytics/http-api-quickstart"
MIXPANEL = "https://github.com/mixpanel/docs/blob/15005149/reference/import-events.mdx"
GA4 = "https://developers.google.com/analytics/devguides/collection/protocol/ga4/sending-events"
ADOBE = "https://github.com/adobe/xdm/blob/3f1381ad/components/classes/experienceevent.example.1.json"
ADOBE_SERVER = "https://experienceleague.adobe.com/en/docs/experience-platform/collection/server-js/server-js-methods/server-js-sendevent/xdm"
CLOUDEVENTS = "https://github.com/cloudevents/spec/blob/c2845a4/cloudevents/formats/json-format.md"
CLARITY = "https://learn.microsoft.com/en-us/clarity/setup-and-installation/clarity-data-export-api"

NOON = 1_714_564_800_000
SECONDS = NOON // 1000
GROUPS = ("company", "organization", "organisation", "account", "workspace", "tenant", "customer")

ENRICHED: dict[str, str] = {
    "app_id": "angry-birds", "platform": "web", "etl_tstamp": "2017-01-26 00:01:25.292",
    "collector_tstamp": "2013-11-26 00:02:05", "dvce_created_tstamp": "2013-11-26 00:03:57.885", "event": "page_view",
    "event_id": "c6ef3124-b53a-4b13-a233-0088f79dcbcb", "txn_id": "41828", "name_tracker": "cloudfront-1",
    "v_tracker": "js-2.1.0", "v_collector": "clj-tomcat-0.1.0", "v_etl": "serde-0.5.2", "user_id": "jon.doe@email.com",
    "user_ipaddress": "92.231.54.234", "user_fingerprint": "2161814971", "domain_userid": "bc2e92ec6c204a14",
    "domain_sessionidx": "3", "network_userid": "ecdff4d0-9175-40ac-a8bb-325c49733607", "geo_country": "US",
    "page_url": "http://www.snowplowanalytics.com", "page_title": "On Analytics", "page_urlscheme": "http",
    "page_urlhost": "www.snowplowanalytics.com", "page_urlport": "80", "page_urlpath": "/product/index.html",
    "contexts": '{"schema": "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data": ['
    '{"schema": "iglu:org.schema/WebPage/jsonschema/1-0-0","data": {"genre": "blog","inLanguage": "en-US"}}]}',
    "unstruct_event": '{"schema": "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data": {'
    '"schema": "iglu:com.snowplowanalytics.snowplow/link_click/jsonschema/1-0-1","data": {'
    '"targetUrl": "http://www.example.com","elementClasses": ["foreground"],"elementId": "exampleLink"}}}',
    "br_features_pdf": "1", "br_features_flash": "0", "domain_sessionid": "2b15e5c8-d3b1-11e4-b9d6-1681e6b88ec1",
    "derived_tstamp": "2013-11-26 00:03:57.886", "event_vendor": "com.snowplowanalytics.snowplow",
    "event_name": "link_click", "event_format": "jsonschema", "event_version": "1-0-0",
    "event_fingerprint": "e3dbfa9cca0412c3d4052863cefb547f", "true_tstamp": "2013-11-26 00:03:57.886",
}  # fmt: skip
"""The columns of the analytics SDK's test event, most of the empty and the geographic ones left out."""


def tsv(columns: dict[str, Any]) -> bytes:
    """An enriched event as its row."""
    return "\t".join(str(columns.get(name, "")) for name in COLUMNS).encode()


MIXPANEL_SIGNUP: dict[str, Any] = {
    "event": "Signup",
    "properties": {"time": 1618716477000, "distinct_id": "91304156-cafc-4673-a237-623d1129c801",
                   "$insert_id": "29fc2962-6d9c-455d-95ad-95b84f09b9e4", "Referred by": "Friend", "URL": "mixpanel.com/signup"},
}  # fmt: skip

GA_ROW: dict[str, Any] = {
    "event_date": "20240501", "event_timestamp": str(NOON * 1000), "event_name": "page_view",
    "event_params": [
        {"key": "page_title", "value": {"string_value": "Pricing", "int_value": None}},
        {"key": "ga_session_id", "value": {"string_value": None, "int_value": "1714564700"}},
    ],
    "event_bundle_sequence_id": "-5", "user_id": None, "user_pseudo_id": "1026454.4271112504", "user_properties": [],
    "batch_event_index": 2, "batch_page_id": NOON, "batch_ordering_id": 1,
}  # fmt: skip

XDM: dict[str, Any] = {
    "@id": "https://data.adobe.io/experienceid-123456", "xdm:eventType": "advertising.impressions",
    "xdm:timestamp": "2017-09-26T15:52:25+00:00",
    "xdm:identityMap": {
        "https://data.adobe.io/entities/namespace/4": [{"xdm:id": "92312748749128"}],
        "https://data.adobe.io/entities/namespace/10": [{"xdm:id": "2394509340-30453470347"}],
        "https://data.adobe.io/entities/namespace/9": [{"xdm:id": "1233ce17-20e0-4a2c-8198-2a77fd60cf4d"}],
    },
    "xdm:environment": {"xdm:type": "browser", "xdm:operatingSystem": "MAC OS"},
    "xdm:web": {"xdm:webPageDetails": {"xdm:name": "Purchase Confirmation", "xdm:URL": "https://www.example.com/orderConf"}},
}  # fmt: skip

HIT: dict[str, Any] = {
    "hitid_high": "3012", "hitid_low": "4455", "hit_time_gmt": str(SECONDS), "exclude_hit": "0", "hit_source": "1",
    "post_page_event": "0", "post_pagename": "Pricing", "post_visid_high": "11", "post_visid_low": "22", "cust_visid": "",
    "post_event_list": "1,20",
}  # fmt: skip

CLOUD_EVENT: dict[str, Any] = {
    "specversion": "1.0", "type": "com.example.someevent", "source": "/mycontext", "subject": "users/7", "id": "C234-1234-1234",
    "time": "2018-04-05T17:31:00Z", "comexampleextension1": "value", "datacontenttype": "application/json",
    "data": {"appinfoA": "abc", "appinfoB": 123, "appinfoC": True},
}  # fmt: skip

EXAMPLES = [
    Example(
        "snowplow", SNOWPLOW, tsv(ENRICHED),
        [{"id": "c6ef3124-b53a-4b13-a233-0088f79dcbcb", "name": "Page Viewed", "type": "page", "user": "jon.doe@email.com",
          "anonymous": "bc2e92ec6c204a14", "at": 1_385_424_237_886, "received_at": 1_385_424_125_000,
          "properties": {"targetUrl": "http://www.example.com", "name": "On Analytics", "path": "/product/index.html"}}],
    ),
    Example(
        "amplitude", AMPLITUDE,
        {"api_key": "YOUR_API_KEY", "events": [{"user_id": "203201202", "device_id": "C8F9E604-F01A-4BD9-95C6-8E5357DF265D",
                                                "event_type": "watch_tutorial"}]},
        [{"name": "watch_tutorial", "user": "203201202", "anonymous": "C8F9E604-F01A-4BD9-95C6-8E5357DF265D",
          "at": RECORD_TIME}],
    ),
    Example(
        "mixpanel", MIXPANEL, [MIXPANEL_SIGNUP],
        [{"name": "Signup", "user": "91304156-cafc-4673-a237-623d1129c801", "at": 1_618_716_477_000,
          "id": "Signup/1618716477000/91304156-cafc-4673-a237-623d1129c801/29fc2962-6d9c-455d-95ad-95b84f09b9e4"}],
    ),
    Example(
        "mixpanel", MIXPANEL, orjson.dumps(MIXPANEL_SIGNUP) + b"\n" + orjson.dumps({**MIXPANEL_SIGNUP, "event": "Purchase"}),
        [{"name": "Signup"}, {"name": "Purchase"}],
    ),
    *(
        Example(
            name, GA4,
            {"client_id": "123456.7654321", "events": [{"name": "campaign_details", "params": {
                "campaign_id": "google_1234", "campaign": "Summer_fun", "source": "google", "medium": "cpc",
                "session_id": "123", "engagement_time_msec": "100"}}]},
            [{"name": "campaign_details", "anonymous": "123456.7654321", "user": None, "at": RECORD_TIME, "place": "website",
              "properties": {"session_id": "123"}}],
        )
        for name in ("ga4", "ga360")
    ),
    Example(
        "adobe", ADOBE, XDM,
        [{"id": "https://data.adobe.io/experienceid-123456", "name": "advertising.impressions", "user": None,
          "anonymous": "adobe:92312748749128", "at": 1_506_441_145_000}],
    ),
    Example(
        "adobe", ADOBE_SERVER,
        {"xdm": {"eventType": "commerce.productViews", "identityMap": {"Email": [{"id": "visitor@example.com", "primary": True}]},
                 "commerce": {"productViews": {"value": 1}},
                 "productListItems": [{"SKU": "HT105", "name": "Large field hat"}]}},
        [{"name": "commerce.productViews", "user": "email:visitor@example.com", "at": RECORD_TIME}],
    ),
    Example(
        "cloudevents", CLOUDEVENTS, CLOUD_EVENT,
        [{"id": "/mycontext#C234-1234-1234", "name": "com.example.someevent", "at": 1_522_949_460_000, "user": "7",
          "properties": {"appinfoA": "abc", "appinfoB": 123}}],
    ),
    Example(
        "heap", "https://raw.githubusercontent.com/api-evangelist/heap/refs/heads/main/openapi/heap-track-api-openapi.yml",
        {"app_id": "11", "event": "Send Transactional Email", "identity": "alice@example.com", "idempotency_key": "k1",
         "timestamp": "2017-03-10T22:21:56+00:00", "properties": {"subject": "Welcome"}},
        [{"name": "Send Transactional Email", "id": "k1", "user": "alice@example.com", "at": 1_489_184_516_000}],
    ),
    Example(
        "heap", "https://github.com/heap/heap-ruby/blob/029573a2404e95c51ee728e1a074423b1295571f/test/client_track_test.rb",
        {"app_id": "test-app-id", "identity": "test-identity", "event": "test_track_with_properties",
         "properties": {"foo": "bar", "heap": "hurray"}},
        [{"name": "test_track_with_properties", "user": "test-identity", "at": RECORD_TIME,
          "properties": {"foo": "bar", "heap": "hurray"}}],
    ),
    Example(
        "clarity", CLARITY,
        {"event": "Sign up", "sessionId": "s1", "userId": "u1", "timestamp": NOON, "url": "https://acme.io/signup"},
        [{"name": "Signed Up", "anonymous": "clarity:u1", "id": f"s1/{NOON}/Sign up", "at": NOON}],
    ),
]  # fmt: skip

PEOPLE = ("CRMID", "CRM_ID", "userId", "UserID", "customerId", "loginId")
DEVICES = ("ECID", "AAID", "FPID", "ADID", "IDFA", "GAID")
ACCOUNTS = ("accountId", "AccountID", "companyId", "account", "company")


def identities(*names: str) -> dict[str, list[dict[str, str]]]:
    return {name: [{"id": f"id-{name}"}] for name in names}


MIXPANEL_KEYS = (*GROUPS, *(f"{name}_id" for name in GROUPS))
GA_KEYS = ("account_id", "company_id", "group_id", *GROUPS)

FULL = [
    Full(
        "snowplow",
        {"event": "page_view", "event_id": "e1", "true_tstamp": "2024-05-01 12:00:00", "derived_tstamp": "2024-05-01 12:00:01",
         "collector_tstamp": "2024-05-01 12:00:02", "dvce_created_tstamp": "2024-05-01 12:00:03.5", "user_id": "u1",
         "domain_userid": "d1", "network_userid": "n1",
         "contexts": [{"schema": f"iglu:com.acme/{name}/jsonschema/1-0-0", "data": {"id": f"1{name}", f"{name}_id": f"2{name}"}}
                      for name in GROUPS]},
        {
            "time": {"true_tstamp": NOON, "derived_tstamp": NOON + 1_000, "collector_tstamp": NOON + 2_000,
                     "dvce_created_tstamp": NOON + 3_500, "@record": RECORD_TIME},
            "id": {"event_id": "e1"}, "user": {"user_id": "u1"},
            "anonymous": {"domain_userid": "d1", "network_userid": "n1"},
            "account": {
                **{f"entities.{name}.id": Given({f"contexts.{n}.data.id": None for n in range(i)}, f"1{name}")
                   for i, name in enumerate(GROUPS)},
                **{f"entities.{name}.{name}_id": Given(
                    {**{f"contexts.{n}.data.id": None for n in range(len(GROUPS))},
                     **{f"contexts.{n}.data.{GROUPS[n]}_id": None for n in range(i)}}, f"2{name}")
                   for i, name in enumerate(GROUPS)},
            },
        },
        {"account": {"contexts": None}},
    ),
    Full(
        "amplitude",
        {"event_type": "x", "time": NOON, "event_time": "2024-05-01 12:00:01.000000", "uuid": "uu",
         "client_event_time": "2024-05-01 12:00:02.000000", "server_upload_time": "2024-05-01 12:00:03.000000",
         "insert_id": "i1", "$insert_id": "i2", "user_id": "u1", "device_id": "d1", "groups": {g: [g, "other"] for g in GROUPS}},
        {
            "time": {"time": NOON, "event_time": NOON + 1_000, "client_event_time": NOON + 2_000,
                     "server_upload_time": NOON + 3_000, "@record": RECORD_TIME},
            "id": {
                "{device_id}/{insert_id}": "d1/i1", "{device_id}/{$insert_id}": Given({"device_id": "d1"}, "d1/i2"),
                "{user_id}/{insert_id}": Given({"insert_id": "i1"}, "u1/i1"),
                "{user_id}/{$insert_id}": Given({"user_id": "u1", "$insert_id": "i2"}, "u1/i2"),
                "uuid": Given({"user_id": "u1"}, "uu"),
            },
            "user": {"user_id": "u1"}, "anonymous": {"device_id": "d1"},
            "account": {f"groups.{name}": name for name in GROUPS},
        },
        {"id": {"user_id": "u1"}},
    ),
    Full(
        "mixpanel",
        {"event": "x", "properties": {"time": SECONDS, "$time": SECONDS + 1, "mp_processing_time_ms": NOON + 9, "$insert_id": "i1",
                                      "$user_id": "u1", "distinct_id": "d1", "$device_id": "dev",
                                      **{key: [key, "other"] for key in MIXPANEL_KEYS}}},
        {
            "time": {"properties.time": NOON, "properties.$time": NOON + 1_000, "@record": RECORD_TIME},
            "id": {"{event}/{properties.time}/{properties.distinct_id}/{properties.$insert_id}": f"x/{SECONDS}/d1/i1"},
            "user": {"properties.$user_id": "u1", "properties.distinct_id": "d1"},
            "anonymous": {"properties.$device_id": "dev"},
            "account": {f"properties.{key}": key for key in MIXPANEL_KEYS},
        },
        {"id": {"event": "x", "properties.time": SECONDS, "properties.distinct_id": "d1"}},
    ),
    *(
        Full(
            name,
            {"name": "x", "timestamp_micros": NOON * 1000, "event_timestamp": (NOON + 2_000) * 1000, "event_name": "y",
             "user_id": "u1", "client_id": "c1", "app_instance_id": "c2", "user_pseudo_id": "c3",
             "event_bundle_sequence_id": 5, "batch_page_id": 1, "batch_ordering_id": 2, "batch_event_index": 3,
             "params": {"timestamp_micros": str((NOON + 1_000) * 1000), **{key: f"p-{key}" for key in GA_KEYS}},
             "user_properties": {key: {"value": f"t-{key}"} for key in GA_KEYS}},
            {
                "time": {"timestamp_micros": NOON, "params.timestamp_micros": NOON + 1_000, "event_timestamp": NOON + 2_000,
                         "@record": RECORD_TIME},
                "id": {
                    "{user_pseudo_id}/{event_timestamp}/{order}/{event_name}":
                        f"c3/{(NOON + 2_000) * 1000}/0000000000001-0000000000002-0000000000003/y",
                    "{user_pseudo_id}/{event_timestamp}/{event_bundle_sequence_id}/{event_name}": Given(
                        {"user_pseudo_id": "c3", "event_timestamp": 7, "event_name": "y", "batch_page_id": None,
                         "batch_ordering_id": None, "batch_event_index": None}, "c3/7/5/y"),
                },
                "user": {"user_id": "u1"},
                "anonymous": {"client_id": "c1", "app_instance_id": "c2", "user_pseudo_id": "c3"},
                "account": {
                    **{f"params.{key}": f"p-{key}" for key in GA_KEYS},
                    **{f"traits.{key}": Given({f"user_properties.{k}": None for k in GA_KEYS[:i]}, f"t-{key}")
                       for i, key in enumerate(GA_KEYS)},
                },
            },
            {"account": {"user_properties": {}}},
        )
        for name in ("ga4", "ga360")
    ),
    Full(
        "heap",
        {"app_id": "1", "event": "x", "timestamp": SECONDS, "time": SECONDS + 1, "joindate": SECONDS + 2, "join_date": SECONDS + 3,
         "idempotency_key": "k1", "event_id": 7, "identity": "u1", "email": "Ada@Acme.io", "user_id": 9007199254740991,
         "account_id": "a1", "properties": {"account_id": "a2", **{name: name for name in GROUPS}}},
        {
            "time": {"timestamp": NOON, "time": NOON + 1_000, "joindate": NOON + 2_000, "join_date": NOON + 3_000,
                     "@record": RECORD_TIME},
            "id": {"idempotency_key": "k1", "event_id": "7"},
            "user": {"identity": "u1", "email:{email}": "email:ada@acme.io"},
            "anonymous": {"heap:{user_id}": "heap:9007199254740991"},
            "account": {"account_id": "a1", "properties.account_id": "a2", **{f"properties.{name}": name for name in GROUPS}},
        },
    ),
    Full(
        "clarity",
        {"event": "x", "eventId": "e1", "sessionId": "s1", "userId": "u1", "customUserId": "c1", "accountId": "a1",
         "timestamp": NOON},
        {
            "time": {"timestamp": NOON, "@record": RECORD_TIME},
            "id": {"eventId": "e1", "{sessionId}/{timestamp}/{event}": f"s1/{NOON}/x"},
            "user": {"customUserId": "c1"},
            "anonymous": {"clarity:{userId}": "clarity:u1", "clarity:{sessionId}": "clarity:s1"},
            "account": {"accountId": "a1"},
        },
        {"id": {"event": "x"}},
    ),
    Full(
        "adobe",
        {"eventType": "x", "_id": "e1", "timestamp": SECONDS, "cust_hit_time_gmt": SECONDS + 1, "hitid_low": "2", "hitid_high": None,
         "identityMap": {**identities(*PEOPLE, *DEVICES, *ACCOUNTS, "other"), "Email": [{"id": "Ada@Acme.io"}]},
         "post_cust_visid": "v1", "cust_visid": "v2", "mcvisid": "m1", "post_visid_high": "1", "post_visid_low": "2"},
        {
            "time": {"timestamp": NOON, "cust_hit_time_gmt": NOON + 1_000,
                     "hit_time_gmt": Given({"hit_time_gmt": SECONDS + 2}, NOON + 2_000), "@record": RECORD_TIME},
            "id": {"_id": "e1", "{hitid_high}-{hitid_low}": Given({"hitid_high": "1"}, "1-2")},
            "user": {
                **{f"identityMap.{name}.0.id": f"id-{name}" for name in PEOPLE},
                "email:{identityMap.Email.0.id}": "email:ada@acme.io", "post_cust_visid": "v1", "cust_visid": "v2",
            },
            "anonymous": {
                **{f"identityMap.{name}.0.id": f"id-{name}" for name in DEVICES}, "mcvisid": "m1",
                "{post_visid_high}-{post_visid_low}": "1-2", "adobe:{primary}": "adobe:id-other",
            },
            "account": {f"identityMap.{name}.0.id": f"id-{name}" for name in ACCOUNTS},
        },
        {"anonymous": {"identityMap.other": None}},
    ),
    Full(
        "cloudevents",
        {"specversion": "1.0", "type": "x", "source": "/s", "id": "1", "time": "2024-05-01T12:00:00Z", "userid": "u1",
         "anonymousid": "n1", "accountid": "a1", "subject": "users/u5",
         "data": {"user_id": "u2", "userId": "u3", "user": {"id": "u4"}, "anonymous_id": "n2", "anonymousId": "n3",
                  "account_id": "a2", "accountId": "a3", "account": {"id": "a4"}}},
        {
            "time": {"time": NOON, "@record": RECORD_TIME}, "id": {"{source}#{id}": "/s#1"},
            "user": {"userid": "u1", "data.user_id": "u2", "data.userId": "u3", "data.user.id": "u4", "subjects.user": "u5"},
            "anonymous": {"anonymousid": "n1", "data.anonymous_id": "n2", "data.anonymousId": "n3"},
            "account": {"accountid": "a1", "data.account_id": "a2", "data.accountId": "a3", "data.account.id": "a4",
                        "subjects.account": Given({"subject": "accounts/a5"}, "a5")},
        },
        {"user": {"subject": "orders/9"}, "account": {"subject": None}},
    ),
]  # fmt: skip
