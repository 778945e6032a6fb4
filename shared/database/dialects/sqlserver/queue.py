"""What is one T-SQL text each: what a drain commits (results, attempts, statistics, marks), and an
email that is added.

The statements are those of outbox/transitions, outbox/finish, outbox/statistics and events/record.
"""

from __future__ import annotations

from shared.database.dialects.sqlserver.expressions import SqlServerExpressions

_HOUR = SqlServerExpressions().this_hour()

COMMIT_BATCH = f"""SET XACT_ABORT ON;
BEGIN TRANSACTION;
DECLARE @token VARCHAR(36) = ?, @seconds FLOAT = ?;
DECLARE @now DATETIME2(3) = SYSUTCDATETIME(), @hour DATETIME2(3) = {_HOUR};
DECLARE @results TABLE (Number INT NOT NULL PRIMARY KEY, Account NVARCHAR(50), Code INT,
    EnhancedCode VARCHAR(12), Reply NVARCHAR(500), DurationMs INT);
INSERT INTO @results (Number, Account, Code, EnhancedCode, Reply, DurationMs)
SELECT Number, Account, Code, EnhancedCode, Reply, DurationMs FROM OPENJSON(?) WITH (
    Number INT '$.n', Account NVARCHAR(50) '$.a', Code INT '$.c', EnhancedCode VARCHAR(12) '$.e',
    Reply NVARCHAR(500) '$.r', DurationMs INT '$.d');
DECLARE @sent TABLE (Number INT NOT NULL PRIMARY KEY, Origin VARCHAR(20), EmailId INT NOT NULL);
UPDATE dbo.Rowpost_Emails SET State = 'Y', SentAt = @now, EndedAt = @now, Reason = NULL,
    LeaseToken = NULL, LeaseUntil = NULL, WriteAfter = @now, WriteTries = 0, WriteFault = NULL
OUTPUT inserted.Number, inserted.Origin, inserted.EmailId INTO @sent
WHERE Number IN (SELECT Number FROM @results) AND LeaseToken = @token AND State IN ('T', 'U');
INSERT INTO dbo.Rowpost_Attempts
    (Number, Account, Outcome, Code, EnhancedCode, Reply, DurationMs)
SELECT r.Number, r.Account, 'sent', r.Code, r.EnhancedCode, r.Reply, r.DurationMs
FROM @results AS r JOIN @sent AS s ON s.Number = r.Number;
INSERT INTO dbo.Rowpost_Statistics (Hour, Account)
SELECT DISTINCT @hour, r.Account FROM @results AS r JOIN @sent AS s ON s.Number = r.Number
WHERE NOT EXISTS (SELECT 1 FROM dbo.Rowpost_Statistics AS there WITH (UPDLOCK, HOLDLOCK)
    WHERE there.Hour = @hour AND there.Account = r.Account);
UPDATE dbo.Rowpost_Statistics SET LastSent = @now, Sent = Sent + (
    SELECT COUNT(*) FROM @results AS r JOIN @sent AS s ON s.Number = r.Number
    WHERE r.Account = Rowpost_Statistics.Account)
WHERE Hour = @hour AND Account IN (
    SELECT r.Account FROM @results AS r JOIN @sent AS s ON s.Number = r.Number);
UPDATE dbo.Rowpost_Emails SET EmptiedAt = @now
WHERE Number IN (SELECT Number FROM @sent WHERE Origin = 'reset');
DELETE FROM dbo.Rowpost_Confidential
WHERE Number IN (SELECT Number FROM @sent WHERE Origin = 'reset');
DECLARE @marks TABLE (Number INT NOT NULL PRIMARY KEY, Fingerprint VARCHAR(32));
INSERT INTO @marks (Number, Fingerprint)
SELECT Number, Fingerprint FROM OPENJSON(?) WITH (Number INT '$.n', Fingerprint VARCHAR(32) '$.p');
DECLARE @marked TABLE (Number INT NOT NULL PRIMARY KEY, EmailId INT NOT NULL);
UPDATE dbo.Rowpost_Emails SET State = 'T',
    LeaseUntil = DATEADD(millisecond, CAST(1000 * @seconds AS INT), @now),
    Fingerprint = (SELECT m.Fingerprint FROM @marks AS m WHERE m.Number = Rowpost_Emails.Number)
OUTPUT inserted.Number, inserted.EmailId INTO @marked
WHERE Number IN (SELECT Number FROM @marks) AND LeaseToken = @token AND State = 'P'
    AND IsCurrent = 1 AND LeaseUntil > @now;
INSERT INTO dbo.Rowpost_NewEvents (Type, EmailId, Account, Code, EnhancedCode)
SELECT 'email.sent', s.EmailId, r.Account, r.Code, r.EnhancedCode
FROM @results AS r JOIN @sent AS s ON s.Number = r.Number
UNION ALL SELECT 'email.sending', EmailId, NULL, NULL, NULL FROM @marked;
COMMIT TRANSACTION;
SET XACT_ABORT OFF;
SELECT Number FROM @sent;
SELECT Number FROM @marked"""

ADD_BEGINS = """DECLARE @MovedAt DATETIME2(3), @EmailId INT, @Number INT;
SELECT @MovedAt = MovedAt FROM dbo.Rowpost_Relocation WITH (READCOMMITTEDLOCK, HOLDLOCK)
WHERE Id = 1;
IF @MovedAt IS NULL BEGIN"""
ROW_ADDED = "SET @EmailId = CAST(SCOPE_IDENTITY() AS INT)"
ENTRY_ADDED = "SET @Number = CAST(SCOPE_IDENTITY() AS INT)"
ADD_ENDS = "END;\nSELECT @EmailId AS EmailId, @Number AS Number"
