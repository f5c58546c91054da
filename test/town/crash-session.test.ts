import { crashMatrix } from './support/crash-matrix.ts';

crashMatrix(['pull', 'hello', 'wake', 'restore']);
