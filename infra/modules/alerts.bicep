// What somebody must be told of. Each alert has a chapter of its name in docs/operate.md.
param suffix string
param location string
param tags { *: string }
param insightsName string
param alertEmail string
param oldestWaitingSeconds int

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

var alerts = [
  {
    name: 'missed-timer'
    title: 'The timer has not come by'
    severity: 1
    query: '''
requests
| where name == "queue_timer"
| summarize Value = count()
'''
    operator: 'LessThan'
    threshold: 1
    window: 'PT10M'
  }
  {
    name: 'oldest-waiting'
    title: 'An email waits too long'
    severity: 1
    query: '''
customMetrics
| where name == "rowpost.queue.oldest_waiting_seconds"
| summarize Value = max(valueMax)
'''
    operator: 'GreaterThan'
    threshold: oldestWaitingSeconds
    window: 'PT5M'
  }
  {
    name: 'unknown-outcomes'
    title: 'Emails may have been sent or not'
    severity: 2
    query: '''
customMetrics
| where name == "rowpost.emails.unknown"
| summarize Value = sum(valueSum)
'''
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT5M'
  }
  {
    name: 'account-paused'
    title: 'A mail account is paused'
    severity: 2
    query: '''
traces
| where message has "account" and message has "rests"
| summarize Value = count()
'''
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT5M'
  }
  {
    name: 'failure-ratio'
    title: 'Many emails are given up'
    severity: 2
    query: '''
customMetrics
| where name in ("rowpost.emails.sent", "rowpost.emails.failed")
| summarize All = sum(valueSum), Failed = sumif(valueSum, name == "rowpost.emails.failed")
| where All >= 20
| project Value = 100.0 * Failed / All
'''
    operator: 'GreaterThan'
    threshold: 10
    window: 'PT1H'
  }
  {
    name: 'poison-messages'
    title: 'A queue message was given up'
    severity: 2
    query: '''
traces
| where message has "Moving message to queue" and message has "poison"
| summarize Value = count()
'''
    operator: 'GreaterThan'
    threshold: 0
    window: 'PT5M'
  }
  {
    name: 'server-errors'
    title: 'Requests are answered with 5xx'
    severity: 2
    query: '''
requests
| where toint(resultCode) between (500 .. 599)
| summarize Value = sum(itemCount)
'''
    operator: 'GreaterThan'
    threshold: 5
    window: 'PT5M'
  }
]

resource actions 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-rowpost-${suffix}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'rowpost'
    emailReceivers: empty(alertEmail)
      ? []
      : [
          {
            name: 'operators'
            emailAddress: alertEmail
            useCommonAlertSchema: true
          }
        ]
  }
}

resource rules 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for alert in alerts: {
    name: 'rowpost-${alert.name}-${suffix}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Rowpost: ${alert.title}'
      description: 'What to do: docs/operate.md, ${alert.name}'
      enabled: true
      severity: alert.severity
      scopes: [
        insights.id
      ]
      evaluationFrequency: 'PT5M'
      windowSize: alert.window
      criteria: {
        allOf: [
          {
            query: alert.query
            metricMeasureColumn: 'Value'
            timeAggregation: 'Total'
            operator: alert.operator
            threshold: alert.threshold
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      autoMitigate: true
      // A new app's tables do not exist before its first telemetry.
      skipQueryValidation: true
      actions: {
        actionGroups: [
          actions.id
        ]
      }
    }
  }
]
