const { TestEnvironment } = require('jest-environment-node');

/** Runs no further test of a file once one has failed: a mutant that is caught needs no second witness. */
module.exports = class extends TestEnvironment {
  handleTestEvent(event) {
    if (event.name === 'test_fn_failure') this.hasFailed = true;
    if (event.name === 'test_start' && this.hasFailed) event.test.mode = 'skip';
  }
};
