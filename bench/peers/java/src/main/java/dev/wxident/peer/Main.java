package dev.wxident.peer;
public final class Main { public static void main(String[] a) {} }
