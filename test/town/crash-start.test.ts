import { crashMatrix } from './support/crash-matrix.ts';

crashMatrix(['start', 'start again', 'pardon', 'change', 'stop', 'revoke', 'retire', 'interrupt', 'cancel']);
