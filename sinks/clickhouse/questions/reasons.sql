-- With which values did it go? Each condition of the last transition of an account, as it was read at that moment.
SELECT reason.1 AS measure, reason.2 AS value, reason.3 AS op, reason.4 AS threshold
FROM (
    SELECT arrayJoin(JSONExtract(because, 'Array(Tuple(measure String, value Nullable(String), op String, threshold Nullable(String)))')) AS reason
    FROM (
        SELECT because FROM valid_transitions
        WHERE kind = 'account' AND machine = 'stage' AND entity = 'a-brightwater'
        ORDER BY at DESC, seq DESC LIMIT 1
    )
);
