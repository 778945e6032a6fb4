// Kusto queries, read by Microsoft's own language service against the tables of Application Insights.
// In: {name: query} as JSON. Out: {name: {faults: [...], columns: {name: type}}} as JSON.
'use strict'

require('@kusto/language-service-next/bridge.min.js')
require('@kusto/language-service-next/Kusto.Language.Bridge.min.js')
const {GlobalState, KustoCode, Symbols} = globalThis.Kusto.Language

// https://learn.microsoft.com/azure/azure-monitor/app/data-model-complete: what the queries may name.
const OF_ALL =
  'timestamp: datetime, operation_Id: string, operation_Name: string, cloud_RoleName: string, ' +
  'customDimensions: dynamic, itemCount: int'
const MEASURED = 'name: string, value: real, valueCount: int, valueSum: real, valueMin: real, valueMax: real'
const CALLED = 'id: string, name: string, success: string, resultCode: string, duration: real'
const TABLES = {
  customMetrics: `${OF_ALL}, ${MEASURED}`,
  dependencies: `${OF_ALL}, ${CALLED}, type: string, target: string, data: string`,
  exceptions: `${OF_ALL}, type: string, outerMessage: string, details: dynamic`,
  requests: `${OF_ALL}, ${CALLED}, url: string`,
  traces: `${OF_ALL}, message: string, severityLevel: int`,
}

const tables = Object.entries(TABLES).map(
  ([name, columns]) => Symbols.TableSymbol.From(`(${columns})`).WithName(name),
)
const globals = GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.$ctor2('insights', null, tables))

function items(list) {
  return Array.from({length: list.Count}, (_, place) => list.getItem(place))
}

function read(query) {
  const code = KustoCode.ParseAndAnalyze(query, globals)
  const columns = items(code.ResultType?.Columns ?? {Count: 0})
  return {
    faults: items(code.GetDiagnostics()).map((fault) => `${fault.Message} (at ${fault.Start})`),
    columns: Object.fromEntries(columns.map((column) => [column.Name, column.Type.Name])),
  }
}

const queries = JSON.parse(require('node:fs').readFileSync(0, 'utf8'))
const answers = Object.entries(queries).map(([name, query]) => [name, read(query)])
console.log(JSON.stringify(Object.fromEntries(answers)))
