/** For tests of applications: a hub and a clock that do as they are told. */
export { createFakeClock, type FakeClock } from './fake-clock.js';
export {
  createFakeHub,
  type FakeEvent,
  type FakeHub,
  type FakeHubOptions,
  type FakeRefusal,
} from './fake-hub.js';
