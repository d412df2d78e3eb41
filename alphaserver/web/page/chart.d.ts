/** What the server serves as `chart.js`: the chart package, as it is. */
export { default } from '../../../node_modules/uplot/dist/uPlot.d.ts';
