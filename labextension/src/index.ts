/** The panel of MLOps Workbench: small plugins around one model. */
import { dataPlugin } from './plugins/data';
import { jobsPlugin } from './plugins/jobs';
import { lineagePlugin } from './plugins/lineage';
import { modelPlugin } from './plugins/model';
import { monitorPlugin } from './plugins/monitor';
import { notebookPlugin } from './plugins/notebook';
import { panelPlugin } from './plugins/panel';
import { projectPlugin } from './plugins/project';
import { releasesPlugin } from './plugins/releases';
import { reviewsPlugin } from './plugins/reviews';
import { runsPlugin } from './plugins/runs';

export default [
  modelPlugin,
  panelPlugin,
  projectPlugin,
  notebookPlugin,
  runsPlugin,
  jobsPlugin,
  dataPlugin,
  lineagePlugin,
  reviewsPlugin,
  releasesPlugin,
  monitorPlugin
];
